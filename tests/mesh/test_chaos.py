"""No order is lost or placed twice while all processes are killed again and again, and while Kafka is down."""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

import grpc
import grpc.aio
import psutil
import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.mesh.calls import Shop, SteadyCalls, status_of, well_stocked_products
from tests.mesh.harness import MESH, TOKEN_SECONDS, Mesh, dial
from tests.mesh.signer import Signer
from tests.support.clock import Stopwatch, eventually
from tests.support.report import Measured

CLIENTS = 8
MIN_ORDERS, MIN_KILLS = 500, 20
FINISH_SECONDS = 60
OUTAGE_SECONDS, CATCH_UP_SECONDS = 60, 30
CONSUMERS = ("analytics", "inventory", "notifications")
FINAL_STATES = {pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED}
# The errors after which the contract allows a caller to repeat the request: the outcome of the call is unknown.
UNKNOWN_OUTCOME = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
# The error of the gateway while it and identity restart. It has not forwarded the call.
NO_KEYS = "Jwks remote fetch is failed"

FindProcesses = Callable[[], list[psutil.Process]]


class Buyers:
    """Clients that place orders one after another, and repeat each request with its request_id until it succeeds."""

    def __init__(self, shop: Shop, customer: str) -> None:
        self.placed: dict[str, pb.Order] = {}
        self.confirmed = 0
        self.repeated: Counter[str] = Counter()
        self._shop, self._customer = shop, customer

    async def buy(self, until: asyncio.Event) -> None:
        """Place orders until the event is set and there are enough orders."""
        while not until.is_set() or len(self.placed) < MIN_ORDERS:
            request = self._shop.order_request(self._customer)
            order = await self._place(request)
            self.placed[request.request_id] = order
            self.confirmed += order.state == pb.Order.STATE_CONFIRMED

    async def _place(self, request: pb.PlaceOrderRequest) -> pb.Order:
        async for attempt in eventually(60, every=0.3, retry=grpc.aio.AioRpcError):
            with attempt:
                try:
                    return await self._shop.place(request)
                except grpc.aio.AioRpcError as error:
                    self.repeated[error.code().name] += 1
                    if error.code() in UNKNOWN_OUTCOME or error.details() == NO_KEYS:
                        raise
                    raise AssertionError("an order failed for good") from error
        raise AssertionError  # for mypy: the loop returns or raises


async def targets(mesh: Mesh) -> dict[str, FindProcesses]:
    """Return all processes that may be killed: every app of the shop, every Envoy, the gateway and Kafka."""

    def find(program: str, uid: str) -> FindProcesses:
        return lambda: mesh.processes(program, uid)

    processes = {"kafka": find("java", "")}
    for namespace in ("shop", "shop-ingress"):
        await mesh.wait_for_rollout(namespace)  # processes of a stopping Pod do not come back
        # The Pods of the operator end by themselves.
        for pod in (await mesh.get("pods", "-n", namespace, "-l", "!batch.kubernetes.io/job-name"))["items"]:
            name, uid = pod["metadata"]["labels"].get("app", "gateway"), pod["metadata"]["uid"]
            processes[f"envoy of {name}"] = find("envoy", uid)
            if namespace == "shop":
                processes[name] = find("python", uid)
    return processes


async def kill_and_wait(name: str, find: FindProcesses) -> None:
    """Kill a process, and wait until another one has replaced it."""
    processes: list[psutil.Process] = []
    async for attempt in eventually(45):
        with attempt:
            processes = find()
            assert processes, f"{name} has not come back since it was last killed"
    processes[0].kill()
    async for attempt in eventually(45):
        with attempt:
            replacements = [process for process in find() if process.pid != processes[0].pid]
            assert replacements, f"{name} was killed and has not been replaced"


async def chaos(buyers: Buyers, finders: Mapping[str, FindProcesses], rng: random.Random, kills: list[str]) -> None:
    """Kill each target, one or two at a time, and wait after each kill until orders succeed again. Log to `kills`."""
    # Each target once, in random order. Then orders again, because it also runs the relay, and random targets.
    sequence = [*rng.sample(sorted(finders), len(finders)), "orders", "kafka", "orders"]
    sequence += rng.choices(sorted(finders), k=max(0, MIN_KILLS - len(sequence)))
    stopwatch = Stopwatch()
    while sequence:
        names = dict.fromkeys(sequence.pop() for _ in range(min(len(sequence), rng.choice([1, 1, 2]))))
        kills += [f"{stopwatch.elapsed():.1f} s {name}" for name in names]
        await asyncio.gather(*(kill_and_wait(name, finders[name]) for name in names))
        confirmed = buyers.confirmed
        async for attempt in eventually(FINISH_SECONDS):
            with attempt:
                assert buyers.confirmed > confirmed, f"no order succeeds any more; repeated {buyers.repeated}"


@pytest.fixture
def seed(measured: Measured) -> int:
    """Return the random seed of this run. Set CHAOS_SEED to repeat a run."""
    value = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    measured(f"chaos: CHAOS_SEED={value}")
    return value


async def read_stocks(shop: Shop) -> dict[str, tuple[int, int]]:
    """Return the available and reserved pieces of each product."""
    stocks = {product: await shop.stock(product) for product in well_stocked_products()}
    return {product: (stock.available, stock.reserved) for product, stock in stocks.items()}


async def wait_for_final_orders(shop: Shop, customer: str) -> list[pb.Order]:
    """Wait until all orders of a customer have reached a final state, and return them."""
    orders: list[pb.Order] = []
    async for attempt in eventually(FINISH_SECONDS):
        with attempt:
            orders = await shop.orders(customer)
            assert not [order.name for order in orders if order.state not in FINAL_STATES]
    return orders


async def wait_for_events(mesh: Mesh) -> None:
    """Wait until all events are published and processed by all consumers."""
    async for attempt in eventually(FINISH_SECONDS):
        with attempt:
            assert (await mesh.events("orders"))["outbox"]["waiting"] == 0
            for app in CONSUMERS:
                lag = (await mesh.events(app))["consumer"]["lag"]
                assert lag, f"{app} has nothing to read yet"
                assert sum(lag.values()) == 0, f"{app} is behind: {lag}"


async def wait_for_recovery(mesh: Mesh, shop: Shop) -> None:
    """Wait until everything that was killed works again."""
    for namespace in ("kafka", "shop-ingress", "shop"):
        await mesh.wait_for_rollout(namespace)
    for read in (shop.list_orders, shop.get_stock):
        async for attempt in eventually(10):
            with attempt:
                assert await status_of(read()) == grpc.StatusCode.OK


@pytest.fixture
async def shop(mesh: Mesh, seed: int) -> AsyncIterator[Shop]:
    """Yield the public methods, called as a customer without orders."""
    user = f"users/chaos-{seed}-{uuid.uuid4()}"
    token = Signer.of(mesh.home).token(expires_in=TOKEN_SECONDS, sub=user)
    async with dial(mesh.gateway, token=token) as channel:
        yield Shop(channel)


@pytest.fixture
async def customer(mesh: Mesh, shop: Shop) -> AsyncIterator[str]:
    """Yield the name of the customer. After the test, even a failed one, wait for the orders and their events."""
    name = "customers/me"
    yield name
    await wait_for_recovery(mesh, shop)
    await wait_for_final_orders(shop, name)
    await wait_for_events(mesh)


async def check_ledger(mesh: Mesh) -> str:
    """Check the ledger with the operator, and return the result line. Raises AssertionError if it does not balance."""
    run = await mesh.run(MESH, "ledger", within=180)
    assert run.returncode == 0, (run.stdout + run.stderr)[-2000:]
    return run.stdout.splitlines()[-1]


@pytest.mark.prove
@pytest.mark.timeout(600)  # each wait is bounded, but on a busy machine they add up
async def test_no_order_is_lost_or_placed_twice_while_everything_is_killed(
    mesh: Mesh, shop: Shop, customer: str, seed: int, measured: Measured
) -> None:
    rng = random.Random(seed)  # noqa: S311  # no secret
    finders = await targets(mesh)
    before = await read_stocks(shop)
    buyers, done, kills = Buyers(shop, customer), asyncio.Event(), list[str]()
    stopwatch = Stopwatch()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(buyers.buy(done))
            await chaos(buyers, finders, rng, kills)
            end_of_chaos = datetime.now(UTC).timestamp()
            done.set()
    except BaseException as error:
        error.add_note(f"killed so far: {', '.join(kills)}")
        raise
    seconds = stopwatch.elapsed()
    await wait_for_recovery(mesh, shop)

    orders = await wait_for_final_orders(shop, customer)
    spans = [(o.create_time.ToMicroseconds() / 1e6, o.update_time.ToMicroseconds() / 1e6) for o in orders]
    durations = [end - start for start, end in spans]
    states = Counter(pb.Order.State.Name(order.state) for order in orders)
    measured(
        f"chaos: {len(kills)} kills in {seconds:.0f} s; {len(orders)} orders: {dict(states)}; "
        f"repeated {buyers.repeated}"
    )
    measured(
        f"chaos: the slowest order took {max(durations):.1f} s; {sum(s > 5 for s in durations)} took more than 5 s"
    )
    assert len(kills) >= MIN_KILLS
    assert len(orders) >= MIN_ORDERS
    # During the chaos, each attempt to compensate an order may meet the next kill. So only the time after it counts.
    assert max(end - max(start, end_of_chaos) for start, end in spans) <= FINISH_SECONDS
    assert len({order.name for order in orders}) == len(orders) == len(buyers.placed)
    assert {order.name for order in orders} == {order.name for order in buyers.placed.values()}
    sold = Counter(order.items[0].product for order in orders if order.state == pb.Order.STATE_CONFIRMED)
    assert await read_stocks(shop) == {name: (available - sold[name], 0) for name, (available, _) in before.items()}
    await wait_for_events(mesh)
    measured(f"chaos: {await check_ledger(mesh)}")


@pytest.mark.prove
@pytest.mark.timing
async def test_orders_succeed_while_kafka_is_down_for_a_minute_and_their_events_arrive_later(
    mesh: Mesh, shop: Shop, measured: Measured
) -> None:
    await wait_for_events(mesh)
    before = {app: (await mesh.events(app))["consumer"]["applied"] for app in CONSUMERS}
    async with mesh.scaled("statefulset/kafka", 0, "kafka", within=60):
        assert not mesh.processes("java")
        stopwatch = Stopwatch()
        async with SteadyCalls({"PlaceOrder": shop.place_order}, pause=0.3) as calls:
            async for attempt in eventually(OUTAGE_SECONDS + 5):
                with attempt:
                    assert stopwatch.elapsed() >= OUTAGE_SECONDS
        assert not calls.failed
        events = 2 * calls.made["PlaceOrder"]  # placed and confirmed
        assert (await mesh.events("orders"))["outbox"]["waiting"] == events
    stopwatch = Stopwatch()
    async for attempt in eventually(CATCH_UP_SECONDS):
        with attempt:
            for app, count in before.items():
                assert (await mesh.events(app))["consumer"]["applied"] >= count + events, app
    measured(
        f"Kafka down for {OUTAGE_SECONDS} s: {events} events processed {stopwatch.elapsed():.1f} s after its restart"
    )
    await check_ledger(mesh)
