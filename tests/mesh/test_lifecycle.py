"""`mesh up` and `mesh down` always end cleanly: repeated, in any order, and interrupted at any moment.

These tests use a separate state folder with two instances: `one`, which most tests share, and `two`, which is
interrupted many times and then still starts beside `one`.
"""

import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mesh.local import instance as instances
from mesh.local.instance import Instance
from mesh.local.loopback import PROXIES
from mesh.local.processes import agent_of
from tests.mesh.calls import Shop
from tests.mesh.harness import Mesh, dial, run_mesh, shell_environment
from tests.mesh.leftovers import find_leftovers
from tests.mesh.terminal import Terminal, terminal
from tests.support.clock import eventually_sync

ONE, TWO = "one", "two"


@pytest.fixture(scope="module", autouse=True)
def state_home() -> Iterator[Path]:
    """Isolate these meshes from all others. Put their folder behind a link, and set a proxy that does not exist."""
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder, pytest.MonkeyPatch.context() as patch:
        home, link = Path(folder, "home"), Path(folder, "link")
        home.mkdir()
        link.symlink_to(home)
        patch.setenv("MESH_STATE_HOME", str(link))
        patch.delenv("MESH_INSTANCE", raising=False)
        for name in PROXIES:
            patch.setenv(name.upper(), "http://127.0.0.1:9")  # nothing listens there
        yield home
        for instance in instances.all_instances():
            run_mesh("down", "--purge", "-i", instance.name)


def existing(name: str) -> Instance:
    instance = instances.existing(name)
    assert instance, f"there is no instance {name}"
    return instance


def up(name: str) -> Mesh:
    """Start a mesh unless it runs."""
    instance = instances.existing(name)
    if not instance or not agent_of(instance):
        run_successfully("up", "-i", name)
    return Mesh(name, shell_environment(name))


def run_successfully(*words: str) -> str:
    run = run_mesh(*words)
    assert run.returncode == 0, run.stdout
    return run.stdout


def assert_clean(instance: Instance) -> None:
    for attempt in eventually_sync(20):  # a socket is closed a moment after its process is gone
        with attempt:
            assert find_leftovers(instance) == []


@pytest.fixture
def one() -> Mesh:
    return up(ONE)


async def place_order(mesh: Mesh) -> str:
    """Place an order and return its name."""
    async with dial(mesh.gateway, token=await mesh.token()) as channel:
        return (await Shop(channel).place_order()).name


@pytest.mark.parametrize("command", [["status"], ["env"], ["token"], ["logs", "orders"]])
def test_a_missing_instance_is_reported(command: list[str], state_home: Path) -> None:
    run = run_mesh(*command, "-i", "nosuch")
    assert run.returncode == 2
    assert run.stdout.splitlines()[0] == "mesh: the mesh 'nosuch' is not up"
    assert "Traceback" not in run.stdout
    assert not (state_home / "nosuch").exists()


def test_down_of_a_missing_instance_does_nothing() -> None:
    assert run_successfully("down", "-i", "nosuch") == "there is no mesh 'nosuch': nothing to do\n"


@pytest.mark.parametrize("name", ["a/b", "..", "n" * 80])
def test_an_invalid_name_is_reported(name: str, state_home: Path) -> None:
    run = run_mesh("up", "-i", name)
    assert run.returncode == 2
    assert run.stdout.startswith("mesh: ")
    assert "Traceback" not in run.stdout
    assert not list(state_home.glob("*/instance.json"))


def _runs(program: str) -> bool:
    instance = instances.existing(TWO)
    return bool(instance and Mesh(TWO, {"MESH_HOME": str(instance.home)}).process_ids(program))


@pytest.fixture
def start_up(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Yield a function that starts `mesh up` of `two` and waits until it runs a program or has printed something."""
    with ExitStack() as stack:

        def start(moment: str) -> Terminal:
            command = stack.enter_context(terminal(tmp_path / "up.log", "up", "-i", TWO))
            for attempt in eventually_sync(120):
                with attempt:
                    assert moment in command.output() or _runs(moment)
            assert command.process.poll() is None, command.output()
            return command

        yield start
    run_mesh("down", "-i", TWO)


# "python" is the node agent, which starts first. "envoy" is a sidecar, which starts last.
@pytest.mark.prove
@pytest.mark.parametrize("moment", ["python", "etcd", "Kubernetes API ready", "istiod ready", "envoy"])
def test_ctrl_c_during_up_leaves_nothing(start_up: Callable[[str], Terminal], moment: str) -> None:
    command = start_up(moment)
    assert command.interrupt(60, repeatedly=False) == 130
    assert "Traceback" not in command.output()
    assert_clean(existing(TWO))


@pytest.mark.prove
def test_repeated_ctrl_c_leaves_nothing(start_up: Callable[[str], Terminal]) -> None:
    command = start_up("istiod ready")
    assert command.interrupt(60, repeatedly=True) == 130
    assert_clean(existing(TWO))


@pytest.mark.prove
@pytest.mark.parametrize("moment", ["python", "Kubernetes API ready"])
def test_down_during_up_stops_both(start_up: Callable[[str], Terminal], moment: str) -> None:
    command = start_up(moment)
    assert run_successfully("down", "-i", TWO) == "mesh 'two' stopped\n"
    assert command.process.wait(1) == 130
    assert "Traceback" not in command.output()
    assert_clean(existing(TWO))


@pytest.mark.prove
def test_a_second_up_at_the_same_time_is_refused(start_up: Callable[[str], Terminal]) -> None:
    command = start_up("etcd")
    run = run_mesh("up", "-i", TWO)
    assert run.returncode == 2
    assert run.stdout.startswith("mesh: another `mesh up` of 'two' is running\n")
    assert f"process {command.process.pid}\n" in run.stdout


@pytest.mark.prove
@pytest.mark.parametrize(("port", "holder"), [(8080, "the gateway"), (6443, "kube-apiserver"), (2379, "etcd")])
def test_a_port_in_use_is_reported_and_nothing_is_started(port: int, holder: str) -> None:
    instance = existing(TWO)
    host = instance.gateway.partition(":")[0] if holder == "the gateway" else instance.node_ip
    with socket.create_server((host, port)):
        run = run_mesh("up", "-i", TWO)
        assert run.returncode == 2
        assert run.stdout.splitlines()[0] == f"mesh: port {port} on {host} is in use, and {holder} needs it"
        assert f"process {os.getpid()} " in run.stdout
        assert "Traceback" not in run.stdout
    assert find_leftovers(instance) == []


@pytest.mark.prove
async def test_two_meshes_run_beside_each_other_and_stop_separately(one: Mesh) -> None:
    two, instance = up(TWO), existing(TWO)
    assert one.gateway != two.gateway
    assert await place_order(one)
    assert await place_order(two)
    before = one.process_ids()
    assert run_successfully("down", "--purge", "-i", TWO) == "mesh 'two' stopped; its folder is removed\n"
    assert_clean(instance)
    assert not instance.home.exists()
    assert one.process_ids() == before
    assert await place_order(one)


@pytest.mark.prove
def test_down_without_a_node_agent_leaves_nothing(one: Mesh) -> None:
    agent = agent_of(existing(ONE))
    assert agent
    agent.signal(signal.SIGKILL)
    for attempt in eventually_sync(20):
        with attempt:
            assert not agent.alive()
    assert one.process_ids(), "everything else still runs"
    assert run_successfully("down", "-i", ONE) == "mesh 'one' stopped\n"
    assert_clean(existing(ONE))
