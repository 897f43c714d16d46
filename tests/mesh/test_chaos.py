"""Orders while everything is killed, over and over, and while Kafka is away: none is lost, none is made twice."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

import grpc
import grpc.aio
import psutil
import pytest
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random

from shop.orders.v1 import orders_pb2 as pb
from tests.conftest import Measured
from tests.mesh.calls import Shop, SteadyCalls, plenty
from tests.mesh.harness import ROOT, Mesh, eventually

CLIENTS = 8
LEAST_ORDERS, LEAST_KILLS = 500, 20
END_SECONDS = 60
AWAY_SECONDS, CATCH_UP_SECONDS = 60, 30
CONSUMERS = ("analytics", "inventory", "notifications")
ENDED = {pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED}
# What the contract lets a caller repeat: nobody can tell what has become of the call.
UNKNOWN_OUTCOME = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
# And what the gateway says while both it and identity come back: the call went no further.
NO_KEYS = "Jwks remote fetch is failed"

Find = Callable[[], list[psutil.Process]]


class Buyers:
    """Place orders, each client one after the other, and each under one request_id until it is answered."""

    def __init__(self, shop: Shop, customer: str) -> None:
        self.answered: dict[str, pb.Order] = {}
        self.confirmed = 0
        self.repeated: Counter[str] = Counter()
        self._shop, self._customer = shop, customer

    async def buy(self, until: asyncio.Event) -> None:
        """Go on until the event is set and there are enough orders."""
        while not until.is_set() or len(self.answered) < LEAST_ORDERS:
            request = self._shop.wish(self._customer)
            order = await self._answer(request)
            self.answered[request.request_id] = order
            self.confirmed += order.state == pb.Order.STATE_CONFIRMED

    async def _answer(self, request: pb.PlaceOrderRequest) -> pb.Order:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(self._may_be_repeated), wait=wait_random(0.1, 0.5), stop=stop_after_delay(60)
        ):
            with attempt:
                return await self._shop.place(request)
        raise AssertionError  # for mypy: the attempts end with an answer or raise

    def _may_be_repeated(self, error: BaseException) -> bool:
        assert isinstance(error, grpc.aio.AioRpcError), error
        self.repeated[error.code().name] += 1
        return error.code() in UNKNOWN_OUTCOME or error.details() == NO_KEYS


async def targets(mesh: Mesh) -> dict[str, Find]:
    """Find all that may be killed: every app of the shop, every Envoy, the gateway's too, and Kafka."""

    def find(program: str, uid: str) -> Find:
        return lambda: mesh.processes(program, uid)

    found = {"kafka": find("java", "")}
    for namespace in ("shop", "istio-ingress"):
        for pod in (await mesh.get("pods", "-n", namespace))["items"]:
            name, uid = pod["metadata"]["labels"].get("app", "gateway"), pod["metadata"]["uid"]
            found[f"{name}'s envoy"] = find("envoy", uid)
            if namespace == "shop":
                found[name] = find("python", uid)
    return found


async def killed(find: Find) -> None:
    """Kill what is found, and wait until another one is in its place."""
    found: list[psutil.Process] = []
    async for attempt in eventually(45):
        with attempt:
            found = find()
            assert found, "it has not come back since it was killed last"
    found[0].kill()
    async for attempt in eventually(45):
        with attempt:
            assert [process for process in find() if process.pid != found[0].pid]


@pytest.fixture
def seed(measured: Measured) -> int:
    """Tell the seed of this run's chance; CHAOS_SEED gives another run the same."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    measured(f"chaos: CHAOS_SEED={chosen}")
    return chosen


async def stocks(shop: Shop) -> dict[str, tuple[int, int]]:
    """Answer how many pieces of each product are available and reserved."""
    found = {product: await shop.stock(product) for product in plenty()}
    return {product: (stock.available, stock.reserved) for product, stock in found.items()}


async def caught_up(mesh: Mesh) -> None:
    """Tell whether every event has been published, and taken by all who want it."""
    assert (await mesh.events("orders"))["outbox"]["waiting"] == 0
    for app in CONSUMERS:
        lag = (await mesh.events(app))["consumer"]["lag"]
        assert lag, f"{app} has nothing to read yet"
        assert sum(lag.values()) == 0, f"{app} is behind: {lag}"


async def the_books_balance(mesh: Mesh) -> str:
    """Have the operator prove it; answer the verdict."""
    run = await mesh.run(sys.executable, str(ROOT / "tools/operator_job.py"), "ledger", within=180)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()[-1]


async def test_whatever_is_killed_no_order_is_lost_and_none_is_made_twice(
    mesh: Mesh, shop: Shop, seed: int, measured: Measured
) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    all_targets = await targets(mesh)
    # Each once, in any sequence; then the processes of orders, which have the relay too, and whatever else.
    sequence = [*chance.sample(sorted(all_targets), len(all_targets)), "orders", "kafka", "orders"]
    sequence += chance.choices(sorted(all_targets), k=max(0, LEAST_KILLS - len(sequence)))
    customer = f"customers/chaos-{seed}-{time.time_ns()}"
    before = await stocks(shop)
    buyers, done = Buyers(shop, customer), asyncio.Event()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(buyers.buy(done))
        kills = 0
        while sequence:
            # One at a time or two at once; the next when the shop sells again.
            some = [sequence.pop() for _ in range(min(len(sequence), chance.choice([1, 1, 2])))]
            await asyncio.gather(*(killed(all_targets[name]) for name in dict.fromkeys(some)))
            kills += len(dict.fromkeys(some))
            confirmed = buyers.confirmed
            async for attempt in eventually(END_SECONDS):
                with attempt:
                    assert buyers.confirmed > confirmed, f"nothing is sold since {some} were killed"
        done.set()
    took = time.monotonic() - began

    orders: list[pb.Order] = []
    async for attempt in eventually(END_SECONDS):
        with attempt:
            orders = await shop.orders(customer)
            assert {order.state for order in orders} <= ENDED
    lasted = [(o.update_time.ToMicroseconds() - o.create_time.ToMicroseconds()) / 1e6 for o in orders]
    states = Counter(pb.Order.State.Name(order.state) for order in orders)
    measured(f"chaos: {kills} kills in {took:.0f} s; {len(orders)} orders: {dict(states)}; repeated {buyers.repeated}")
    measured(
        f"chaos: the slowest order ended after {max(lasted):.1f} s; {sum(s > 5 for s in lasted)} took more than 5 s"
    )
    assert kills >= LEAST_KILLS
    assert len(orders) >= LEAST_ORDERS
    assert max(lasted) <= END_SECONDS
    assert len({order.name for order in orders}) == len(orders) == len(buyers.answered)
    assert {order.name for order in orders} == {order.name for order in buyers.answered.values()}
    sold = Counter(order.items[0].product for order in orders if order.state == pb.Order.STATE_CONFIRMED)
    assert await stocks(shop) == {name: (available - sold[name], 0) for name, (available, _) in before.items()}
    async for attempt in eventually(END_SECONDS):
        with attempt:
            await caught_up(mesh)
    measured(f"chaos: {await the_books_balance(mesh)}")


async def test_kafka_is_away_for_a_minute_and_nobody_notices(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    before = {app: (await mesh.events(app))["consumer"]["applied"] for app in CONSUMERS}
    await mesh.kubectl("scale", "-n", "kafka", "statefulset/kafka", "--replicas=0")
    async for attempt in eventually(45):
        with attempt:
            assert not mesh.processes("java")
    gone = time.monotonic()
    async with SteadyCalls({"PlaceOrder": shop.place_order}, pause=0.3) as calls:
        async for attempt in eventually(AWAY_SECONDS + 5):
            with attempt:
                assert time.monotonic() - gone >= AWAY_SECONDS
    assert not calls.failed
    told = 2 * calls.made["PlaceOrder"]  # placed and confirmed
    assert (await mesh.events("orders"))["outbox"]["waiting"] == told
    await mesh.kubectl("scale", "-n", "kafka", "statefulset/kafka", "--replicas=1")
    await mesh.kubectl("rollout", "status", "-n", "kafka", "statefulset/kafka", "--timeout=60s", within=65)
    back = time.monotonic()
    async for attempt in eventually(CATCH_UP_SECONDS):
        with attempt:
            await caught_up(mesh)
            for app, count in before.items():
                assert (await mesh.events(app))["consumer"]["applied"] == count + told, app
    measured(f"Kafka away for {AWAY_SECONDS} s: {told} events taken {time.monotonic() - back:.1f} s after it was back")
    await the_books_balance(mesh)
