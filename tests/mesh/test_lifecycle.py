"""`mesh up` and `mesh down`, however often and in whatever order: always a clean end. On an instance of its own."""

import hashlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from tests.mesh.harness import MESH, ROOT, Mesh, listening, mesh_command, shell_environment

NAME = f"life-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"


@pytest.fixture
def clean() -> Iterator[None]:
    """No instance before the test, and none after it."""
    mesh_command("down", "--purge", "-i", NAME)
    yield
    mesh_command("down", "--purge", "-i", NAME)


def beginning() -> subprocess.Popen[str]:
    """Begin a `mesh up` and answer it when it has got as far as starting processes, but not yet to its end."""
    up = subprocess.Popen(
        [MESH, "up", "-i", NAME], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    waited = retry(retry=retry_if_result(lambda found: not found), stop=stop_after_delay(60), wait=wait_fixed(0.1))
    waited(lambda: "etcd" in {process.name() for process in ours()})()
    time.sleep(1)  # somewhere in the middle of what follows
    assert up.poll() is None
    return up


def ours() -> list[psutil.Process]:
    """Whatever runs in this instance's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if f"/{NAME}" in process.cwd() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def nothing_left(mesh: Mesh | None = None) -> None:
    assert not ours()
    if mesh:
        prefix = mesh.gateway.rsplit(".", 2)[0] + "."
        assert not {place for place in listening(psutil.net_connections("tcp")) if place[0].startswith(prefix)}
        assert not [path for path in mesh.home.rglob("*") if path.is_socket()]


@pytest.mark.usefixtures("clean")
def test_up_twice_and_down_twice() -> None:
    first = mesh_command("up", "-i", NAME)
    assert first.returncode == 0, first.stdout
    mesh = Mesh(NAME, shell_environment(NAME))
    before = {process.pid for process in ours()}
    again = mesh_command("up", "-i", NAME)
    assert again.returncode == 0, again.stdout
    assert {process.pid for process in ours()} == before, "what runs is left as it is"
    assert mesh_command("status", "-i", NAME).returncode == 0
    for _ in range(2):
        down = mesh_command("down", "-i", NAME)
        assert down.returncode == 0, down.stdout
        nothing_left(mesh)
    assert mesh_command("status", "-i", NAME).returncode == 1


@pytest.mark.usefixtures("clean")
def test_down_in_the_middle_of_up() -> None:
    up = beginning()
    down = mesh_command("down", "-i", NAME)
    assert down.returncode == 0, down.stdout
    assert up.wait(30) != 0
    nothing_left()


@pytest.mark.usefixtures("clean")
def test_ctrl_c_in_the_middle_of_up() -> None:
    up = beginning()
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 130
    nothing_left()


@pytest.mark.usefixtures("clean")
def test_a_port_in_use_is_named_in_one_line() -> None:
    # On all addresses: the instance's own is not known before it is made.
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104
        port = taken.getsockname()[1]
        up = mesh_command("up", "-i", NAME, "--gateway-port", str(port))
    assert up.returncode == 2
    assert str(port) in up.stdout
    nothing_left()
