"""The gateway is attacked: its memory stays below its limit, it serves others meanwhile, and it recovers."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psutil
import pytest
from lightkube.utils.quantity import parse_quantity

from tests.mesh.attack import Attack
from tests.mesh.harness import Mesh
from tests.mesh.raw_http import http_request
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.report import Measured

MIB = 2**20
ATTACK_SECONDS = 20
MAX_USED = 40
"""How many MiB of its heap an Envoy uses at most that holds no requests. Usually it is 10."""
PRODUCT = "/v1/products/p-0001"
PLACE_ORDER = "/shop.orders.v1.OrdersService/PlaceOrder"
UPLOAD = Attack(gateway="", path=PLACE_ORDER, size=2_000_000)
# The largest request that the gateway holds, without its last byte.
FULL = 128 * 1024 - 1


@pytest.fixture
async def gateway(mesh: Mesh) -> list[psutil.Process]:
    """Return the processes of the gateway's container: pilot-agent and Envoy."""
    pod = await mesh.pod("shop-gateway", "shop-ingress")
    return mesh.processes("", pod["metadata"]["uid"])


def memory(processes: list[psutil.Process]) -> int:
    """Return the memory of some processes in MiB. Pages that they share count once for each."""
    return sum(process.memory_info().rss for process in processes) // MIB


async def limit(mesh: Mesh) -> int:
    """Return the memory limit of the gateway's container in MiB."""
    pod = await mesh.pod("shop-gateway", "shop-ingress")
    return int((parse_quantity(pod["spec"]["containers"][0]["resources"]["limits"]["memory"]) or 0) / MIB)


async def used(mesh: Mesh) -> int:
    """Return the part of Envoy's memory that is in use, in MiB. Envoy keeps some of the rest for later."""
    return int(json.loads(await mesh.envoy("shop-gateway", "memory"))["allocated"]) // MIB


@asynccontextmanager
async def attacked(attack: Attack) -> AsyncIterator[Counter[str]]:
    """Run an attack while the block runs. Yield its outcomes, which are complete after the block."""
    outcomes: Counter[str] = Counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.mesh.attack", attack.arguments()),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield outcomes
    finally:
        output, _ = await process.communicate(b"")
        outcomes.update(json.loads(output))


async def attack_and_watch(mesh: Mesh, gateway: list[psutil.Process], attack: Attack) -> tuple[Counter[str], str]:
    """Run an attack, read products meanwhile, and return the outcomes of both and the figures.

    Raises AssertionError if the memory exceeds the limit, or stays in use.
    """
    before, peak = memory(gateway), 0
    others: Counter[str] = Counter()
    async with attacked(replace(attack, gateway=mesh.gateway)) as outcomes:
        with suppress(TimeoutError):
            async with asyncio.timeout(ATTACK_SECONDS):
                while True:
                    peak = max(peak, memory(gateway))
                    others[f"others {(await http_request(mesh.gateway, PRODUCT)).status}"] += 1
    assert peak < await limit(mesh)
    async for attempt in eventually(60, every=1):
        with attempt:
            assert await used(mesh) < MAX_USED
    assert (await http_request(mesh.gateway, PRODUCT)).status == 200
    figures = f"{before} MiB before, at most {peak}, {memory(gateway)} after; {dict(others)}, {dict(outcomes)}"
    return others + outcomes, figures


@pytest.mark.prove
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(UPLOAD, id="gRPC"),
        pytest.param(replace(UPLOAD, path="/v1/orders", content_type="application/json"), id="JSON"),
        pytest.param(replace(UPLOAD, content_type="application/grpc-web+proto"), id="gRPC-Web"),
    ],
)
async def test_uploads_without_a_token_occupy_no_memory_and_delay_no_other_caller(
    mesh: Mesh, gateway: list[psutil.Process], measured: Measured, attack: Attack
) -> None:
    before = memory(gateway)
    outcomes, figures = await attack_and_watch(mesh, gateway, attack)
    measured(f"uploads without a token: {figures}")
    assert outcomes.keys() & {"403", "200 RBAC: access denied", "403 RBAC: access denied"}
    assert {name for name in outcomes if name.startswith("others")} == {"others 200"}
    assert memory(gateway) < before + 50


@pytest.mark.prove
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(replace(UPLOAD, path="/shop.identity.v1.IdentityService/IssueToken", size=FULL), id="login"),
        pytest.param(replace(UPLOAD, size=FULL), id="order"),
        pytest.param(
            Attack("", "/v1/products?pageSize=1000", "application/json", method="GET", reads=False), id="slow reader"
        ),
    ],
)
async def test_a_distributed_attack_on_what_may_be_called_stays_below_the_limit(
    mesh: Mesh, gateway: list[psutil.Process], measured: Measured, attack: Attack
) -> None:
    distributed = replace(attack, token=await mesh.token(), addresses=64)
    outcomes, figures = await attack_and_watch(mesh, gateway, distributed)
    measured(f"distributed attack: {figures}")
    assert outcomes["others 200"] > 0.5 * sum(outcomes[name] for name in outcomes if name.startswith("others"))
