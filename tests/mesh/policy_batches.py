"""Applies random policies many at a time, and makes the calls that show what they do."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from random import Random

from mesh.local.matrix.calls import Access, Call, call_all
from mesh.local.matrix.declared import Method
from mesh.local.why.live import Live
from mesh.local.why.proxy import Proxy
from mesh.local.why.verdict import RULE
from tests.mesh.harness import Mesh
from tests.mesh.matrix import CALLERS, Explained, live_objects
from tests.mesh.random_policies import APPS, GATEWAY, INSIDE, OUTSIDE, RandomPolicy, create_policy
from tests.support.clock import eventually

NAME = "random"
BATCH = 30
SHARED = [each for each in CALLERS if each.name in {*INSIDE, *OUTSIDE}]
"""The callers that call under random policies."""


async def explain_policies(mesh: Mesh, ways: Mapping[str, Access], seed: int, count: int) -> list[Explained]:
    """Apply random policies in batches, call the methods that they are about, and decide about each call."""
    random = Random(seed)  # noqa: S311  # a seed repeats a run
    policies = [create_policy(random, f"{NAME}-{number}") for number in range(count)]
    explained = []
    for start in range(0, count, BATCH):
        batch = policies[start : start + BATCH]
        async with mesh.applied(*(policy.manifest for policy in batch)):
            live = await _wait_until_live(mesh, batch)
            calls = _calls(ways, dict.fromkeys(call for policy in batch for call in policy.calls()))
            await call_all(calls)
            # An open connection keeps the old rules for one more call.
            cells = await call_all(calls)
            explained += await asyncio.to_thread(lambda: [Explained.of(cell, live) for cell in cells])  # noqa: B023
        await _wait_until_live(mesh, [])
        await _wait_until_as_declared(calls)
    return explained


async def _wait_until_live(mesh: Mesh, batch: Sequence[RandomPolicy]) -> Live:
    """Wait until each proxy has the rules of the policies that select it, and no others of this test."""
    expected = {app: {policy.name for policy in batch if policy.selects(app)} for app in (*APPS, GATEWAY)}
    async for attempt in eventually(60, every=0.25):
        with attempt:
            live = live_objects(mesh)
            assert await asyncio.to_thread(_random_policies, live) == expected
    return live


def _random_policies(live: Live) -> dict[str, set[str]]:
    """Return the names of the random policies whose rules a proxy has, by workload."""
    proxies = {app: live.proxies_of_host(f"{app}.shop.svc.cluster.local") for app in APPS} | {GATEWAY: [live.gateway()]}
    return {app: {name for each in found for name in _policies(each)} for app, found in proxies.items()}


def _policies(proxy: Proxy) -> set[str]:
    texts = json.dumps(proxy.dump).split('"')
    return {match["name"] for text in texts if (match := RULE.search(text)) and match["name"].startswith(NAME)}


async def _wait_until_as_declared(calls: Sequence[Call]) -> None:
    """Wait until no open connection has the rules of a policy that is deleted. The next test would meet them."""
    async for attempt in eventually(60, every=0.25):
        with attempt:
            assert [str(cell) for cell in await call_all(calls) if not cell.right] == []


def _calls(ways: Mapping[str, Access], chosen: Mapping[tuple[str, Method], None]) -> list[Call]:
    by_name = {caller.name: caller for caller in SHARED}
    return [Call(by_name[name], ways[name], method, by_name[name].may_call(method)) for name, method in chosen]
