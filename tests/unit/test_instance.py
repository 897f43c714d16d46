"""Each mesh has loopback addresses of its own, wherever its state folder is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mesh.local import instance
from mesh.local.errors import MeshError
from mesh.local.instance import reservations

PROCESSES = 8
# Each waits for a line before it creates its instance, so that all of them do so at the same instant.
CREATE = """
import sys
from pathlib import Path
from mesh.local import instance
from mesh.local.instance import reservations
reservations.PARENT = Path(sys.argv[1])
print("ready", flush=True)
input()
print(instance.create("default").number)
"""
HOLD = """
import sys, time
from pathlib import Path
from mesh.local.instance import reservations
reservations.PARENT = Path(sys.argv[1])
with reservations.locked():
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the records of these tests apart from those of the user's meshes."""
    folder = tmp_path / "machine"
    folder.mkdir()
    monkeypatch.setattr(reservations, "PARENT", folder)
    return folder


@contextmanager
def process(code: str, machine: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that runs the code; end it after the block."""
    # Without site-packages it starts in half the time, and needs none of them.
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
    """Create an instance in each state folder, all at the same instant, and return their numbers."""
    with ExitStack() as stack:
        started = [stack.enter_context(process(CREATE, machine, home)) for home in homes]
        for creating in started:
            await_ready(creating)
        for creating in started:
            assert creating.stdin
            creating.stdin.write("go\n")
            creating.stdin.flush()
        return [int(creating.communicate(timeout=30)[0]) for creating in started]


def test_meshes_that_start_at_the_same_instant_have_different_addresses(tmp_path: Path, machine: Path) -> None:
    homes = [tmp_path / f"home-{number}" for number in range(PROCESSES)]
    chosen = numbers(machine, *homes)
    assert len(set(chosen)) == PROCESSES
    assert numbers(machine, *homes) == chosen, "each keeps its own"


def test_a_mesh_that_is_down_keeps_its_addresses(tmp_path: Path, machine: Path) -> None:
    (ada,) = numbers(machine, tmp_path / "ada")
    (eve,) = numbers(machine, tmp_path / "eve")
    assert ada != eve


def test_the_addresses_of_a_purged_mesh_are_given_again(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = numbers(machine, tmp_path / "ada")
    numbers(machine, tmp_path / "eve")
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "ada"))
    purged = instance.existing("default")
    assert purged
    instance.remove(purged)
    assert numbers(machine, tmp_path / "bob") == first


def test_the_record_of_a_deleted_folder_does_not_count(tmp_path: Path, machine: Path) -> None:
    first = numbers(machine, tmp_path / "ada")
    (tmp_path / "ada/default/instance.json").unlink()
    assert numbers(machine, tmp_path / "eve") == first


def test_a_mesh_whose_record_is_gone_gets_it_again(tmp_path: Path, machine: Path) -> None:
    first = numbers(machine, tmp_path / "ada")
    for record in machine.glob("grpc-mesh-*/*"):
        record.unlink()
    assert numbers(machine, tmp_path / "ada") == first
    assert numbers(machine, tmp_path / "eve") != first


def test_a_mesh_whose_addresses_another_has_taken_says_so(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(machine, tmp_path / "ada")
    for record in machine.glob("grpc-mesh-*/*"):
        record.unlink()
    numbers(machine, tmp_path / "eve")
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "ada"))
    with pytest.raises(MeshError, match=f"the mesh in {tmp_path}/eve/default has them"):
        instance.create("default")


def test_the_lock_of_a_killed_process_is_not_in_the_way(tmp_path: Path, machine: Path) -> None:
    with process(HOLD, machine, tmp_path) as holder:
        await_ready(holder)
        holder.kill()
        holder.wait()
        assert len(numbers(machine, tmp_path / "ada")) == 1


def test_no_path_of_a_state_folder_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / ("ü" * 100) / ("a b" * 60)))
    created = instance.create("n" * instance.MAX_NAME_LENGTH)
    assert instance.existing(created.name) == created
    with pytest.raises(MeshError, match="cannot name a mesh"):
        instance.create("n" * (instance.MAX_NAME_LENGTH + 1))


def test_other_users_meshes_are_known_by_their_sockets(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two users start one each at the same time, and nothing of either listens yet."""
    chosen = []
    for user in ("ada", "eve"):
        (machine / user).mkdir()
        monkeypatch.setattr(reservations, "PARENT", machine / user)
        monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / user))
        chosen.append(instance.create("default").prefix)
    assert len(set(chosen)) == 2


@pytest.mark.parametrize("kind", ["link", "open", "file", "foreign"])
def test_records_that_somebody_else_may_write_are_refused(
    kind: str, tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine / f"grpc-mesh-{os.geteuid()}"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        folder.touch(mode=0o700)
    else:
        folder.mkdir()
        folder.chmod(0o777 if kind == "open" else 0o700)
    if kind == "foreign":
        other = os.geteuid() + 1
        folder.rename(machine / f"grpc-mesh-{other}")
        monkeypatch.setattr(os, "geteuid", lambda: other)
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(MeshError) as refused:
        instance.create("default")
    assert refused.value.what.startswith("cannot reserve addresses in ")
    assert "\n" not in refused.value.why
    assert not (tmp_path / "state").exists()
