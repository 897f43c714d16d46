"""`mesh up` of a running mesh changes nothing, `mesh down` leaves only the data, and a running mesh is private."""

import psutil
import pytest

from mesh.local.instance import Instance, existing
from tests.mesh.calls import Shop
from tests.mesh.harness import Mesh, dial, run_mesh
from tests.mesh.leftovers import find_leftovers, readable_secrets
from tests.support.clock import Duration, Stopwatch, eventually_sync
from tests.support.report import Measured


def instance_of(mesh: Mesh) -> Instance:
    """Return the instance of a mesh."""
    instance = existing(mesh.name)
    assert instance
    return instance


def run_successfully(*words: str) -> str:
    """Run a `mesh` command and return its output. Raises AssertionError if it fails."""
    run = run_mesh(*words)
    assert run.returncode == 0, run.stdout
    return run.stdout


def seconds_of_a_second_up(mesh: Mesh) -> Duration:
    """Run `mesh up` of a running mesh, and assert that it changes nothing. Return its duration."""
    user = mesh.home / "user-customer.json"
    processes, password = mesh.process_ids(), user.read_text()
    stopwatch = Stopwatch()
    run_successfully("up", "-i", mesh.name)
    seconds = stopwatch.elapsed()
    assert mesh.process_ids() == processes
    assert user.read_text() == password
    return seconds


async def test_a_second_up_changes_nothing(mesh: Mesh) -> None:
    seconds_of_a_second_up(mesh)


@pytest.mark.prove
@pytest.mark.timing
async def test_a_second_up_is_quick(mesh: Mesh, measured: Measured) -> None:
    seconds = seconds_of_a_second_up(mesh)
    measured(f"mesh up of a running mesh: {seconds:.1f} s")
    assert seconds < 20


@pytest.mark.parametrize("role", ["", "../admin", "Admin"])
async def test_an_invalid_role_is_reported(mesh: Mesh, role: str) -> None:
    run = run_mesh("token", "-i", mesh.name, "--role", role)
    assert run.returncode == 2
    assert run.stdout.startswith(f"mesh: '{role}' is no role\n")


async def test_only_the_owner_can_read_keys_and_tokens(mesh: Mesh) -> None:
    assert mesh.home.stat().st_mode & 0o777 == 0o700
    assert readable_secrets(mesh.home) == []
    config = mesh.home / "kubeconfig"
    config.chmod(0o644)
    try:
        assert readable_secrets(mesh.home) == [f"{config} 644"], "a readable secret is found"
    finally:
        config.chmod(0o600)


async def test_everything_listens_only_on_loopback(mesh: Mesh) -> None:
    process_ids = mesh.process_ids()
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.pid in process_ids
        and connection.laddr
        and connection.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
    }
    assert addresses
    assert [address for address in addresses if not address.startswith("127.")] == []


@pytest.mark.prove
async def test_down_leaves_only_the_data_and_up_uses_it(mesh: Mesh, shop: Shop) -> None:
    instance, order = instance_of(mesh), await shop.place_order()
    assert {line.split()[0] for line in find_leftovers(instance)} == {"process", "port", "socket"}, (
        "a running mesh is found"
    )
    try:
        assert run_successfully("down", "-i", mesh.name) == f"mesh '{mesh.name}' stopped\n"
        for attempt in eventually_sync(20):  # a socket is closed a moment after its process is gone
            with attempt:
                assert find_leftovers(instance) == []
        assert run_successfully("down", "-i", mesh.name) == f"mesh '{mesh.name}' was not running\n"
        assert run_mesh("status", "-i", mesh.name).returncode == 1
        output = run_mesh("token", "-i", mesh.name).stdout
        assert output.startswith(f"mesh: the mesh '{mesh.name}' is not up\n")
    finally:
        run_successfully("up", "-i", mesh.name)
    async with dial(mesh.gateway, token=await mesh.token()) as channel:
        assert order.name in {each.name for each in (await Shop(channel).list_orders()).orders}
