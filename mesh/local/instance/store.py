"""Finds, creates and removes instances: their state folders and the numbers of their addresses."""

import json
import os
import shutil
import socket
from pathlib import Path

from mesh.local import files
from mesh.local.environment import home
from mesh.local.errors import MeshError
from mesh.local.instance import reservations
from mesh.local.instance.instance import FIRST_PREFIX, Instance, port_in_use
from mesh.local.instance.reservations import Reservations

DEFAULT = "default"
"""The instance that a command uses without `--instance`."""
MAX_INSTANCES = 50
MAX_NAME_LENGTH = 63
CONTROL_PLANE_PORTS = (2379, 6443)
"""etcd and the API server: if one of them is in use on a node address, another user's mesh runs there."""

_claims: list[socket.socket] = []
"""Stay open until this process ends. By then the mesh that it started listens on its ports."""


def state_home() -> Path:
    """Return `$MESH_STATE_HOME`, else `$XDG_STATE_HOME/grpc-mesh`, else `~/.local/state/grpc-mesh`, resolved."""
    if override := os.environ.get("MESH_STATE_HOME"):
        folder = Path(override)
    else:
        folder = Path(os.environ.get("XDG_STATE_HOME") or home() / ".local/state") / "grpc-mesh"
    # Unlike Path.resolve(), it accepts a link to itself, which is an error when it is opened.
    return Path(os.path.realpath(folder))


def existing(name: str) -> Instance | None:
    """Return the instance, or None if it was never started or was purged."""
    home = state_home() / name
    try:
        saved = json.loads((home / "instance.json").read_text())
        return Instance(name, home, saved["number"], saved["gateway"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise MeshError(f"{home}/instance.json is damaged", fix=f"remove the folder {home}") from None


def load(name: str) -> Instance:
    """Return the instance.

    Raises:
        MeshError: there is no such instance.
    """
    instance = existing(name)
    if not instance:
        raise not_up(name)
    return instance


def not_up(name: str) -> MeshError:
    """Return the error of a command that needs a running mesh."""
    if name == DEFAULT:
        return MeshError("the mesh is not up", fix="run `make up`")
    return MeshError(f"the mesh '{name}' is not up", fix=f"run `mesh up -i {name}`")


def create(name: str, gateway_port: int | None = None, *, records: Path = reservations.PARENT) -> Instance:
    """Load the instance, or choose its addresses and create its folder (mode 0700: it contains keys and tokens).

    `records` is the folder with the records of all instances of this machine.
    The gateway of the instance `default` listens on 127.0.0.1:8080, the gateway of another on that instance's address.

    Raises:
        MeshError: the name is invalid, no address range is free, or another instance uses this one's range.
    """
    if not name.replace("-", "").isalnum() or len(name) > MAX_NAME_LENGTH:
        raise MeshError(
            f"'{name}' cannot name a mesh",
            why=f"a name has letters, digits and dashes, at most {MAX_NAME_LENGTH}",
            fix="choose another --instance",
        )
    home = state_home() / name
    with reservations.locked(records) as reserved:
        saved = existing(name)
        number = _own_number(reserved, saved) if saved else _free_number(reserved)
        reserved.reserve(number, home)
        if saved and not gateway_port:
            return saved
        host = "127.0.0.1" if name == DEFAULT else f"127.{FIRST_PREFIX + number}.0.2"
        instance = Instance(name, home, number, f"{host}:{gateway_port or 8080}")
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.replace(home / "instance.json", json.dumps({"number": number, "gateway": instance.gateway}))
    return instance


def remove(instance: Instance, *, records: Path = reservations.PARENT) -> None:
    """Remove the instance's folder and release its number."""
    shutil.rmtree(instance.home, ignore_errors=True)
    with reservations.locked(records) as reserved:
        reserved.release(instance.number, instance.home)


def all_instances() -> list[Instance]:
    """Return every instance in the state home."""
    names = sorted(path.parent.name for path in state_home().glob("*/instance.json"))
    return [instance for name in names if (instance := existing(name))]


def _own_number(reserved: Reservations, instance: Instance) -> int:
    """Return the number of an existing instance. Its record may be gone: systems clean temporary folders."""
    holder = reserved.holder(instance.number)
    if holder not in {None, instance.home}:
        raise MeshError(
            f"another mesh uses the addresses of mesh '{instance.name}' ({instance.prefix}.*)",
            why=f"the mesh in {holder} has them",
            fix="`mesh down --purge` one of the two",
        )
    _claim(instance.number)
    return instance.number


def _free_number(reserved: Reservations) -> int:
    used = {instance.number for instance in all_instances()}
    for number in range(MAX_INSTANCES):
        if number not in used and not reserved.holder(number) and _claim(number):
            return number
    raise MeshError(
        "no address range is free for another mesh",
        why=f"{MAX_INSTANCES} instances exist",
        fix="`mesh down --purge` one of them",
    )


def _claim(number: int) -> bool:
    """Claim the address range, and return False if another user's mesh has it. Only sockets show such a mesh."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0grpc-mesh/{number}")
    except OSError:  # another `mesh up` is about to start there
        claim.close()
        return False
    _claims.append(claim)
    return not any(port_in_use(f"127.{FIRST_PREFIX + number}.0.1", port) for port in CONTROL_PLANE_PORTS)
