"""No two meshes share loopback addresses, wherever their state folders are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mesh.local import instance
from mesh.local.errors import MeshError

PROCESSES = 8
# Each process waits for a line before it creates its instance, so that all of them do so at the same time.
CREATE = """
import sys
from pathlib import Path
from mesh.local import instance
print("ready", flush=True)
input()
print(instance.create("default", records=Path(sys.argv[1])).number)
"""
HOLD_LOCK = """
import sys, time
from pathlib import Path
from mesh.local.instance import reservations
with reservations.locked(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a separate folder for the records, so that the tests do not touch those of the user's meshes."""
    folder = tmp_path / "machine"
    folder.mkdir()
    return folder


@contextmanager
def process(code: str, machine: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that runs the code, and kill it on exit."""
    # Without site-packages, which it does not need, it starts in half the time.
    command = [sys.executable, "-S", "-c", code, str(machine)]
    env = os.environ | {"MESH_STATE_HOME": str(home), "PYTHONPATH": str(instance.REPOSITORY)}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def await_ready(started: subprocess.Popen[str]) -> None:
    """Wait until the process has printed "ready"."""
    assert started.stdout
    assert started.stdout.readline() == "ready\n"


def numbers(machine: Path, *homes: Path) -> list[int]:
    """Create an instance in each state folder, all at the same time, and return their numbers."""
    with ExitStack() as stack:
        started = [stack.enter_context(process(CREATE, machine, home)) for home in homes]
        for creating in started:
            await_ready(creating)
        for creating in started:
            assert creating.stdin
            creating.stdin.write("go\n")
            creating.stdin.flush()
        return [int(creating.communicate(timeout=30)[0]) for creating in started]


def test_meshes_that_start_at_the_same_time_have_different_addresses(tmp_path: Path, machine: Path) -> None:
    homes = [tmp_path / f"home-{number}" for number in range(PROCESSES)]
    chosen = numbers(machine, *homes)
    assert len(set(chosen)) == PROCESSES
    assert numbers(machine, *homes) == chosen, "each keeps its number"


def test_a_mesh_that_is_down_keeps_its_addresses(tmp_path: Path, machine: Path) -> None:
    (ada,) = numbers(machine, tmp_path / "ada")
    (eve,) = numbers(machine, tmp_path / "eve")
    assert ada != eve


def test_the_addresses_of_a_purged_mesh_are_free_again(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = numbers(machine, tmp_path / "ada")
    numbers(machine, tmp_path / "eve")
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "ada"))
    purged = instance.existing("default")
    assert purged
    instance.remove(purged, records=machine)
    assert numbers(machine, tmp_path / "bob") == first


def test_the_record_of_a_deleted_folder_is_ignored(tmp_path: Path, machine: Path) -> None:
    first = numbers(machine, tmp_path / "ada")
    (tmp_path / "ada/default/instance.json").unlink()
    assert numbers(machine, tmp_path / "eve") == first


def test_a_mesh_without_a_record_gets_a_new_one_for_its_addresses(tmp_path: Path, machine: Path) -> None:
    first = numbers(machine, tmp_path / "ada")
    for record in machine.glob("grpc-mesh-*/*"):
        record.unlink()
    assert numbers(machine, tmp_path / "ada") == first
    assert numbers(machine, tmp_path / "eve") != first


def test_a_mesh_whose_addresses_another_mesh_uses_is_an_error(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(machine, tmp_path / "ada")
    for record in machine.glob("grpc-mesh-*/*"):
        record.unlink()
    numbers(machine, tmp_path / "eve")
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "ada"))
    with pytest.raises(MeshError, match=f"the mesh in {tmp_path}/eve/default has them"):
        instance.create("default", records=machine)


def test_a_killed_process_releases_the_lock(tmp_path: Path, machine: Path) -> None:
    with process(HOLD_LOCK, machine, tmp_path) as holder:
        await_ready(holder)
        holder.kill()
        holder.wait()
        assert len(numbers(machine, tmp_path / "ada")) == 1


def test_no_path_of_a_state_folder_is_too_long(tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / ("ü" * 100) / ("a b" * 60)))
    created = instance.create("n" * instance.MAX_NAME_LENGTH, records=machine)
    assert instance.existing(created.name) == created
    with pytest.raises(MeshError, match="cannot name a mesh"):
        instance.create("n" * (instance.MAX_NAME_LENGTH + 1), records=machine)


def test_the_sockets_of_other_users_meshes_reserve_their_addresses(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create a mesh for each of two users at the same time, before either mesh listens."""
    chosen = []
    for user in ("ada", "eve"):
        (machine / user).mkdir()
        monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / user))
        chosen.append(instance.create("default", records=machine / user).prefix)
    assert len(set(chosen)) == 2


@pytest.mark.parametrize("problem", ["link", "open", "file", "foreign"])
def test_a_folder_of_records_that_another_user_can_write_is_rejected(
    problem: str, tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine / f"grpc-mesh-{os.geteuid()}"
    if problem == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif problem == "file":
        folder.touch(mode=0o700)
    else:
        folder.mkdir()
        folder.chmod(0o777 if problem == "open" else 0o700)
    if problem == "foreign":
        other = os.geteuid() + 1
        folder.rename(machine / f"grpc-mesh-{other}")
        monkeypatch.setattr(os, "geteuid", lambda: other)
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(MeshError) as rejected:
        instance.create("default", records=machine)
    assert rejected.value.what.startswith("cannot reserve addresses in ")
    assert "\n" not in rejected.value.why
    assert not (tmp_path / "state").exists()
