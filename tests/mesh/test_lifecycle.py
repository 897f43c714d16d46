"""`mesh up` and `mesh down`, however often, in whatever order and whenever interrupted: always a clean end.

The instances of these tests live in a state folder of their own: `one`, which most tests share, and `two`, which is
interrupted again and again, and then comes up beside `one` all the same.
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
from tests.mesh.leftovers import eventually_sync, find_leftovers
from tests.mesh.terminal import Terminal, terminal

ONE, TWO = "one", "two"


@pytest.fixture(scope="module", autouse=True)
def state_home() -> Iterator[Path]:
    """Keep these meshes apart from all others; a proxy that does not work is not in their way."""
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESH_STATE_HOME", folder)
        patch.delenv("MESH_INSTANCE", raising=False)
        for name in PROXIES:
            patch.setenv(name.upper(), "http://127.0.0.1:9")  # nobody listens there
        yield Path(folder)
        for found in instances.all_instances():
            run_mesh("down", "--purge", "-i", found.name)


def found(name: str) -> Instance:
    instance = instances.existing(name)
    assert instance, f"there is no instance {name}"
    return instance


def up(name: str) -> Mesh:
    """Bring a mesh up unless it is."""
    instance = instances.existing(name)
    if not instance or not agent_of(instance):
        succeeds("up", "-i", name)
    return Mesh(name, shell_environment(name))


def succeeds(*words: str) -> str:
    run = run_mesh(*words)
    assert run.returncode == 0, run.stdout
    return run.stdout


def is_clean(instance: Instance) -> None:
    for attempt in eventually_sync(20):  # a socket is closed a moment after its process is gone
        with attempt:
            assert find_leftovers(instance) == []


@pytest.fixture
def one() -> Mesh:
    return up(ONE)


async def order(mesh: Mesh) -> str:
    """Place an order and answer its name."""
    async with dial(mesh.gateway, token=await mesh.token()) as channel:
        return (await Shop(channel).place_order()).name


@pytest.mark.parametrize("command", [["status"], ["env"], ["token"], ["logs", "orders"], ["proxy", "orders"]])
def test_an_instance_that_is_not_there_is_a_users_mistake(command: list[str], state_home: Path) -> None:
    run = run_mesh(*command, "-i", "nosuch")
    assert run.returncode == 2
    assert run.stdout.splitlines()[0] == "mesh: there is no mesh 'nosuch'"
    assert "Traceback" not in run.stdout
    assert not (state_home / "nosuch").exists()


def test_down_of_an_instance_that_is_not_there_has_nothing_to_do() -> None:
    assert succeeds("down", "-i", "nosuch") == "there is no mesh 'nosuch': nothing to do\n"


@pytest.mark.parametrize("name", ["a/b", "..", "n" * 80])
def test_a_name_that_will_not_do_is_a_users_mistake(name: str, state_home: Path) -> None:
    run = run_mesh("up", "-i", name)
    assert run.returncode == 2
    assert run.stdout.startswith("mesh: ")
    assert "Traceback" not in run.stdout
    assert not list(state_home.glob("*/instance.json"))


def _runs(program: str) -> bool:
    instance = instances.existing(TWO)
    return bool(instance and Mesh(TWO, {"MESH_HOME": str(instance.home)}).process_ids(program))


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Begin a `mesh up` of `two`; answer it when it runs a program, or has said something."""
    with ExitStack() as stack:

        def beginning(moment: str) -> Terminal:
            begun = stack.enter_context(terminal(tmp_path / "up.log", "up", "-i", TWO))
            for attempt in eventually_sync(120):
                with attempt:
                    assert moment in begun.output() or _runs(moment)
            assert begun.process.poll() is None, begun.output()
            return begun

        yield beginning
    run_mesh("down", "-i", TWO)


# "python" is the node agent, which is the first to start; "envoy" a sidecar, the last.
@pytest.mark.prove
@pytest.mark.parametrize("moment", ["python", "etcd", "Kubernetes API ready", "istiod ready", "envoy"])
def test_ctrl_c_in_the_middle_of_up_leaves_nothing(begin: Callable[[str], Terminal], moment: str) -> None:
    beginning = begin(moment)
    assert beginning.interrupt(60, again=False) == 130
    assert "Traceback" not in beginning.output()
    is_clean(found(TWO))


@pytest.mark.prove
def test_pressing_ctrl_c_again_and_again_leaves_nothing(begin: Callable[[str], Terminal]) -> None:
    beginning = begin("istiod ready")
    assert beginning.interrupt(60, again=True) == 130
    is_clean(found(TWO))


@pytest.mark.prove
@pytest.mark.parametrize("moment", ["python", "Kubernetes API ready"])
def test_down_in_the_middle_of_up_ends_both(begin: Callable[[str], Terminal], moment: str) -> None:
    beginning = begin(moment)
    assert succeeds("down", "-i", TWO) == "mesh 'two' stopped\n"
    assert beginning.process.wait(1) == 130
    assert "Traceback" not in beginning.output()
    is_clean(found(TWO))


@pytest.mark.prove
def test_a_second_up_at_the_same_time_is_refused(begin: Callable[[str], Terminal]) -> None:
    beginning = begin("etcd")
    run = run_mesh("up", "-i", TWO)
    assert run.returncode == 2
    assert run.stdout.startswith("mesh: another `mesh up` of 'two' is running\n")
    assert f"process {beginning.process.pid}\n" in run.stdout


@pytest.mark.prove
@pytest.mark.parametrize(("port", "holder"), [(8080, "the gateway"), (6443, "kube-apiserver"), (2379, "etcd")])
def test_a_port_in_use_is_named_and_nothing_is_started(port: int, holder: str) -> None:
    instance = found(TWO)
    host = instance.gateway.partition(":")[0] if holder == "the gateway" else instance.node_ip
    with socket.create_server((host, port)):
        run = run_mesh("up", "-i", TWO)
        assert run.returncode == 2
        assert run.stdout.splitlines()[0] == f"mesh: port {port} on {host} is in use, and {holder} needs it"
        assert f"process {os.getpid()} " in run.stdout
        assert "Traceback" not in run.stdout
    assert find_leftovers(instance) == []


@pytest.mark.prove
async def test_two_meshes_side_by_side_both_serve_and_one_ends_without_the_other(one: Mesh) -> None:
    two, instance = up(TWO), found(TWO)
    assert one.gateway != two.gateway
    assert await order(one)
    assert await order(two)
    before = one.process_ids()
    assert succeeds("down", "--purge", "-i", TWO) == "mesh 'two' stopped; its folder is removed\n"
    is_clean(instance)
    assert not instance.home.exists()
    assert one.process_ids() == before
    assert await order(one)


@pytest.mark.prove
def test_down_without_a_node_agent_leaves_nothing(one: Mesh) -> None:
    agent = agent_of(found(ONE))
    assert agent
    agent.signal(signal.SIGKILL)
    for attempt in eventually_sync(20):
        with attempt:
            assert not agent.alive()
    assert one.process_ids(), "the rest goes on"
    assert succeeds("down", "-i", ONE) == "mesh 'one' stopped\n"
    is_clean(found(ONE))
