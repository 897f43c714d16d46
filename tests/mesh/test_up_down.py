"""`mesh up` of a mesh that runs changes nothing, `mesh down` leaves nothing but the data, and what runs is private."""

import time

import psutil
import pytest

from mesh.local.instance import Instance, existing
from tests.conftest import Measured
from tests.mesh.calls import Shop
from tests.mesh.harness import Mesh, dial, run_mesh
from tests.mesh.leftovers import eventually_sync, find_leftovers, readable_secrets


def instance_of(mesh: Mesh) -> Instance:
    """Return the instance that a mesh is."""
    found = existing(mesh.name)
    assert found
    return found


def succeed(*words: str) -> str:
    """Run a `mesh` command, which must succeed. Return its output."""
    run = run_mesh(*words)
    assert run.returncode == 0, run.stdout
    return run.stdout


def seconds_of_a_second_up(mesh: Mesh) -> float:
    """Run `mesh up` of a mesh that runs, which must change nothing. Return the seconds that it took."""
    user = mesh.home / "user-customer.json"
    processes, password = mesh.process_ids(), user.read_text()
    began = time.monotonic()
    succeed("up", "-i", mesh.name)
    took = time.monotonic() - began
    assert mesh.process_ids() == processes
    assert user.read_text() == password
    return took


async def test_a_second_up_changes_nothing(mesh: Mesh) -> None:
    seconds_of_a_second_up(mesh)


@pytest.mark.prove
@pytest.mark.timing
async def test_a_second_up_is_quick(mesh: Mesh, measured: Measured) -> None:
    took = seconds_of_a_second_up(mesh)
    measured(f"mesh up of a mesh that is up: {took:.1f} s")
    assert took < 20


@pytest.mark.parametrize("role", ["", "../admin", "Admin"])
async def test_a_role_that_does_not_exist_is_a_users_mistake(mesh: Mesh, role: str) -> None:
    run = run_mesh("token", "-i", mesh.name, "--role", role)
    assert run.returncode == 2
    assert run.stdout.startswith(f"mesh: '{role}' is no role\n")


async def test_keys_and_tokens_are_for_their_owner_alone(mesh: Mesh) -> None:
    assert mesh.home.stat().st_mode & 0o777 == 0o700
    assert readable_secrets(mesh.home) == []
    config = mesh.home / "kubeconfig"
    config.chmod(0o644)
    try:
        assert readable_secrets(mesh.home) == [f"{config} 644"], "what would leak is seen"
    finally:
        config.chmod(0o600)


async def test_everything_listens_on_loopback_alone(mesh: Mesh) -> None:
    ours = mesh.process_ids()
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.pid in ours and connection.laddr and connection.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
    }
    assert addresses
    assert [address for address in addresses if not address.startswith("127.")] == []


async def test_down_leaves_nothing_but_the_data_and_up_finds_it(mesh: Mesh, shop: Shop) -> None:
    instance, order = instance_of(mesh), await shop.place_order()
    assert {line.split()[0] for line in find_leftovers(instance)} == {"process", "port", "socket"}, "what runs is seen"
    try:
        assert succeed("down", "-i", mesh.name) == f"mesh '{mesh.name}' stopped\n"
        for attempt in eventually_sync(20):  # a socket is closed a moment after its process is gone
            with attempt:
                assert find_leftovers(instance) == []
        assert succeed("down", "-i", mesh.name) == f"mesh '{mesh.name}' was not running\n"
        assert run_mesh("status", "-i", mesh.name).returncode == 1
        told = run_mesh("token", "-i", mesh.name).stdout
        assert told.startswith(f"mesh: mesh '{mesh.name}' does not run\n")
    finally:
        succeed("up", "-i", mesh.name)
    async with dial(mesh.gateway, token=await mesh.token()) as channel:
        assert order.name in {known.name for known in (await Shop(channel).list_orders()).orders}
