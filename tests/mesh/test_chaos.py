"""Orders while everything is killed, over and over, and while Kafka is away: none is lost, none is made twice."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

import grpc
import grpc.aio
import psutil
import pytest
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random

from shop.orders.v1 import orders_pb2 as pb
from tests.conftest import Measured
from tests.mesh.calls import Shop, SteadyCalls, status_of, well_stocked_products
from tests.mesh.harness import MESH, TOKEN_SECONDS, Mesh, dial, eventually
from tests.mesh.signer import Signer

CLIENTS = 8
MIN_ORDERS, MIN_KILLS = 500, 20
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
        while not until.is_set() or len(self.answered) < MIN_ORDERS:
            request = self._shop.order_request(self._customer)
            order = await self._answer(request)
            self.answered[request.request_id] = order
            self.confirmed += order.state == pb.Order.STATE_CONFIRMED

    async def _answer(self, request: pb.PlaceOrderRequest) -> pb.Order:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(self._may_be_repeated),
            wait=wait_random(0.1, 0.5),
            stop=stop_after_delay(60),
            reraise=True,
        ):
            with attempt:
                return await self._shop.place(request)
        raise AssertionError  # for mypy: the attempts end with an answer or raise

    def _may_be_repeated(self, error: BaseException) -> bool:
        if not isinstance(error, grpc.aio.AioRpcError):
            return False
        self.repeated[error.code().name] += 1
        return error.code() in UNKNOWN_OUTCOME or error.details() == NO_KEYS


async def targets(mesh: Mesh) -> dict[str, Find]:
    """Find all that may be killed: every app of the shop, every Envoy, the gateway's too, and Kafka."""

    def find(program: str, uid: str) -> Find:
        return lambda: mesh.processes(program, uid)

    found = {"kafka": find("java", "")}
    for namespace in ("shop", "istio-ingress"):
        await mesh.wait_for_rollout(namespace)  # what is on its way out does not come back
        # Those of the operator's Jobs end by themselves.
        for pod in (await mesh.get("pods", "-n", namespace, "-l", "!batch.kubernetes.io/job-name"))["items"]:
            name, uid = pod["metadata"]["labels"].get("app", "gateway"), pod["metadata"]["uid"]
            found[f"{name}'s envoy"] = find("envoy", uid)
            if namespace == "shop":
                found[name] = find("python", uid)
    return found


async def killed(name: str, find: Find) -> None:
    """Kill what is found, and wait until another one is in its place."""
    found: list[psutil.Process] = []
    async for attempt in eventually(45):
        with attempt:
            found = find()
            assert found, f"{name} has not come back since it was killed last"
    found[0].kill()
    async for attempt in eventually(45):
        with attempt:
            others = [process for process in find() if process.pid != found[0].pid]
            assert others, f"{name} was killed, and no other has come in its place"


async def chaos(buyers: Buyers, finds: Mapping[str, Find], chance: random.Random, story: list[str]) -> None:
    """Kill each target, one at a time or two at once, the next when the shop sells again; tell it to the story."""
    # Each once, in any sequence; then the processes of orders, which have the relay too, and whatever else.
    sequence = [*chance.sample(sorted(finds), len(finds)), "orders", "kafka", "orders"]
    sequence += chance.choices(sorted(finds), k=max(0, MIN_KILLS - len(sequence)))
    began = time.monotonic()
    while sequence:
        some = dict.fromkeys(sequence.pop() for _ in range(min(len(sequence), chance.choice([1, 1, 2]))))
        story += [f"{time.monotonic() - began:.1f} s {name}" for name in some]
        await asyncio.gather(*(killed(name, finds[name]) for name in some))
        confirmed = buyers.confirmed
        async for attempt in eventually(END_SECONDS):
            with attempt:
                assert buyers.confirmed > confirmed, f"nothing is sold any more; repeated {buyers.repeated}"


@pytest.fixture
def seed(measured: Measured) -> int:
    """Tell the seed of this run's chance; CHAOS_SEED gives another run the same."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    measured(f"chaos: CHAOS_SEED={chosen}")
    return chosen


async def stocks(shop: Shop) -> dict[str, tuple[int, int]]:
    """Answer how many pieces of each product are available and reserved."""
    found = {product: await shop.stock(product) for product in well_stocked_products()}
    return {product: (stock.available, stock.reserved) for product, stock in found.items()}


async def all_ended(shop: Shop, customer: str) -> list[pb.Order]:
    """Answer a customer's orders when each has come to its end."""
    orders: list[pb.Order] = []
    async for attempt in eventually(END_SECONDS):
        with attempt:
            orders = await shop.orders(customer)
            assert not [order.name for order in orders if order.state not in ENDED]
    return orders


async def all_taken(mesh: Mesh) -> None:
    """Wait until every event has been published, and taken by all who want it."""
    async for attempt in eventually(END_SECONDS):
        with attempt:
            assert (await mesh.events("orders"))["outbox"]["waiting"] == 0
            for app in CONSUMERS:
                lag = (await mesh.events(app))["consumer"]["lag"]
                assert lag, f"{app} has nothing to read yet"
                assert sum(lag.values()) == 0, f"{app} is behind: {lag}"


async def all_back(mesh: Mesh, shop: Shop) -> None:
    """Wait until whatever was killed serves again."""
    for namespace in ("kafka", "istio-ingress", "shop"):
        await mesh.wait_for_rollout(namespace)
    for read in (shop.list_orders, shop.get_stock):
        async for attempt in eventually(10):
            with attempt:
                assert await status_of(read()) == grpc.StatusCode.OK


@pytest.fixture
async def shop(mesh: Mesh, seed: int) -> AsyncIterator[Shop]:
    """Give the public methods to a customer who has no orders yet."""
    user = f"users/chaos-{seed}-{time.time_ns()}"
    token = Signer.of(mesh.home).token(sub=user, exp=int(time.time()) + TOKEN_SECONDS)
    async with dial(mesh.gateway, token=token) as channel:
        yield Shop(channel)


@pytest.fixture
async def customer(mesh: Mesh, shop: Shop) -> AsyncIterator[str]:
    """Give the name of a customer whose orders, however the test goes, have all ended and been told after it."""
    name = "customers/me"
    yield name
    await all_back(mesh, shop)
    await all_ended(shop, name)
    await all_taken(mesh)


async def the_books_balance(mesh: Mesh) -> str:
    """Have the operator prove it; answer the verdict."""
    run = await mesh.run(MESH, "ledger", within=180)
    assert run.returncode == 0, (run.stdout + run.stderr)[-2000:]
    return run.stdout.splitlines()[-1]


@pytest.mark.prove
@pytest.mark.timeout(600)  # each wait is bounded; on a machine that is busy they add up
async def test_whatever_is_killed_no_order_is_lost_and_none_is_made_twice(
    mesh: Mesh, shop: Shop, customer: str, seed: int, measured: Measured
) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    finds = await targets(mesh)
    before = await stocks(shop)
    buyers, done, story = Buyers(shop, customer), asyncio.Event(), list[str]()
    began = time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(buyers.buy(done))
            await chaos(buyers, finds, chance, story)
            over = time.time()
            done.set()
    except BaseException as error:
        error.add_note(f"killed so far: {', '.join(story)}")
        raise
    took = time.monotonic() - began
    await all_back(mesh, shop)

    orders = await all_ended(shop, customer)
    spans = [(o.create_time.ToMicroseconds() / 1e6, o.update_time.ToMicroseconds() / 1e6) for o in orders]
    lasted = [end - start for start, end in spans]
    states = Counter(pb.Order.State.Name(order.state) for order in orders)
    measured(
        f"chaos: {len(story)} kills in {took:.0f} s; {len(orders)} orders: {dict(states)}; repeated {buyers.repeated}"
    )
    measured(
        f"chaos: the slowest order ended after {max(lasted):.1f} s; {sum(s > 5 for s in lasted)} took more than 5 s"
    )
    assert len(story) >= MIN_KILLS
    assert len(orders) >= MIN_ORDERS
    # While the killing goes on, each try to give an order back may meet the next kill. After it none has an excuse.
    assert max(end - max(start, over) for start, end in spans) <= END_SECONDS
    assert len({order.name for order in orders}) == len(orders) == len(buyers.answered)
    assert {order.name for order in orders} == {order.name for order in buyers.answered.values()}
    sold = Counter(order.items[0].product for order in orders if order.state == pb.Order.STATE_CONFIRMED)
    assert await stocks(shop) == {name: (available - sold[name], 0) for name, (available, _) in before.items()}
    await all_taken(mesh)
    measured(f"chaos: {await the_books_balance(mesh)}")


@pytest.mark.prove
@pytest.mark.timing
async def test_kafka_is_away_for_a_minute_and_nobody_notices(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    await all_taken(mesh)
    before = {app: (await mesh.events(app))["consumer"]["applied"] for app in CONSUMERS}
    async with mesh.scaled("statefulset/kafka", 0, "kafka", within=60):
        assert not mesh.processes("java")
        gone = time.monotonic()
        async with SteadyCalls({"PlaceOrder": shop.place_order}, pause=0.3) as calls:
            async for attempt in eventually(AWAY_SECONDS + 5):
                with attempt:
                    assert time.monotonic() - gone >= AWAY_SECONDS
        assert not calls.failed
        told = 2 * calls.made["PlaceOrder"]  # placed and confirmed
        assert (await mesh.events("orders"))["outbox"]["waiting"] == told
    back = time.monotonic()
    async for attempt in eventually(CATCH_UP_SECONDS):
        with attempt:
            for app, count in before.items():
                assert (await mesh.events(app))["consumer"]["applied"] >= count + told, app
    measured(f"Kafka away for {AWAY_SECONDS} s: {told} events taken {time.monotonic() - back:.1f} s after it was back")
    await the_books_balance(mesh)
