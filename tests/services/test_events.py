"""Events through a real Kafka: none is lost and none counts twice, and no order waits for Kafka."""

import asyncio
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from shop.orders.v1 import events_pb2
from shop.orders.v1 import orders_pb2 as pb
from tests.support.checkout import ROOT
from tests.support.clock import Stopwatch, eventually
from tests.support.kafka import Broker, headers_of
from tests.support.metrics import value
from tests.support.processes import Process, records, targets
from tests.support.shop import CONFIRMED, REJECTED, Shop, cart
from tests.support.starters import Shared, Start

TOPIC = "shop.orders.v1.events"
CALLEES = ("catalog", "inventory", "payments", "shipping")
PLACED_KIND = notifications_pb2.Notification.KIND_ORDER_PLACED
CONFIRMED_KIND = notifications_pb2.Notification.KIND_ORDER_CONFIRMED
REJECTED_KIND = notifications_pb2.Notification.KIND_ORDER_REJECTED


@pytest.fixture
def callees(shared: Shared) -> dict[str, Process]:
    return {name: shared(name) for name in CALLEES}


@pytest.fixture
def orders(start: Start, broker: Broker, callees: dict[str, Process]) -> Process:
    return start("orders", {**targets(*callees.values()), **broker.environment})


@pytest.fixture
async def shop(orders: Process, callees: dict[str, Process]) -> AsyncIterator[Shop]:
    async with open_shop(orders, callees) as client:
        yield client


@asynccontextmanager
async def open_shop(orders: Process, callees: dict[str, Process]) -> AsyncIterator[Shop]:
    client = Shop(orders, *(callees[name] for name in ("inventory", "payments", "shipping")))
    yield client
    await client.close()


def new_customer() -> str:
    return f"customers/{uuid.uuid4()}"


async def notification_kinds(notifications: Process, customer: str) -> list[int]:
    """Return the kinds of a customer's notifications, newest first."""
    async with notifications.channel() as channel:
        stub = notifications_pb2_grpc.NotificationsServiceStub(channel)
        request = notifications_pb2.ListNotificationsRequest(customer=customer, page_size=100)
        return [notification.kind for notification in (await stub.ListNotifications(request)).notifications]


async def summary(analytics: Process, order: pb.Order) -> analytics_pb2.SalesSummary:
    """Return the figures of the microsecond in which an order was placed."""
    end = Timestamp()
    end.FromDatetime(order.create_time.ToDatetime() + timedelta(microseconds=1))
    period = analytics_pb2.GetSalesSummaryRequest(start_time=order.create_time, end_time=end)
    async with analytics.channel() as channel:
        stub = analytics_pb2_grpc.AnalyticsServiceStub(channel)
        return (await stub.GetSalesSummary(period)).summary


async def wait_for_notifications(notifications: Process, customer: str, *kinds: int) -> None:
    """Wait until a customer has exactly these notifications, newest first."""
    async for attempt in eventually():
        with attempt:
            assert await notification_kinds(notifications, customer) == list(kinds)


async def wait_until_consumed(consumer: Process, records: int) -> None:
    """Wait until a consumer has consumed at least so many records, and has none left."""
    async for attempt in eventually():
        with attempt:
            report = consumer.events()["consumer"]
            assert report["taken"] >= records
            assert sum(report["lag"].values()) == 0


async def test_consumers_receive_the_events_of_orders(start: Start, broker: Broker, shop: Shop) -> None:
    notifications, analytics = start("notifications", broker.environment), start("analytics", broker.environment)
    customer = new_customer()
    confirmed = await shop.place(cart(customer=customer, p_0001=2))
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)
    rejected = await shop.place(cart(customer=customer, token="tok_declined", p_0001=1))  # noqa: S106  # no password
    assert (confirmed.state, rejected.state) == (CONFIRMED, REJECTED)
    await wait_for_notifications(notifications, customer, REJECTED_KIND, PLACED_KIND, CONFIRMED_KIND, PLACED_KIND)
    async for attempt in eventually():
        with attempt:
            figures = await summary(analytics, confirmed)
            assert (figures.placed_orders, figures.confirmed_orders) == (1, 1)
            assert list(figures.revenue) == [confirmed.total]
            assert [(line.product, line.quantity) for line in figures.top_products] == [("products/p-0001", 2)]
            figures = await summary(analytics, rejected)
            assert (figures.placed_orders, figures.rejected_orders) == (1, 1)
            assert not figures.revenue


async def test_a_record_is_a_cloud_event_with_the_orders_key_and_trace(broker: Broker, shop: Shop) -> None:
    order = await shop.place(cart(p_0001=1))
    key = order.name.removeprefix("orders/").encode()
    async for attempt in eventually():
        with attempt:
            own = [record for record in broker.records(TOPIC) if record.key() == key]
            assert len(own) == 2
    first, last = (headers_of(record) for record in own)
    assert len({record.partition() for record in own}) == 1
    assert (first["ce_type"], last["ce_type"]) == (b"shop.orders.v1.OrderPlaced", b"shop.orders.v1.OrderConfirmed")
    assert first["ce_id"] != last["ce_id"]
    assert first["ce_specversion"] == b"1.0"
    assert first["ce_source"] == b"//orders.shop.example"
    assert first["ce_subject"] == order.name.encode()
    assert first["ce_time"]
    assert first["content-type"] == b"application/protobuf"
    assert first["traceparent"].split(b"-")[1] == last["traceparent"].split(b"-")[1]
    assert events_pb2.OrderConfirmed.FromString(own[1].value() or b"").order == order


async def test_an_event_that_is_delivered_twice_counts_once(start: Start, broker: Broker, shop: Shop) -> None:
    notifications, analytics = start("notifications", broker.environment), start("analytics", broker.environment)
    customer = new_customer()
    order = await shop.place(cart(customer=customer, p_0001=1))
    key = order.name.removeprefix("orders/").encode()
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)
    async for attempt in eventually():
        with attempt:
            before = await summary(analytics, order)
            assert (before.placed_orders, before.confirmed_orders) == (1, 1)
    consumed = {consumer: consumer.events()["consumer"]["taken"] for consumer in (notifications, analytics)}
    duplicates = [
        (key, bytes(record.value() or b""), headers_of(record))
        for record in broker.records(TOPIC)
        if record.key() == key
    ]
    assert len(duplicates) == 2
    broker.send(TOPIC, *duplicates)
    for consumer, count in consumed.items():
        await wait_until_consumed(consumer, count + 2)
    assert await notification_kinds(notifications, customer) == [CONFIRMED_KIND, PLACED_KIND]
    after = await summary(analytics, order)
    before.ClearField("latest_event_time")  # of any order
    after.ClearField("latest_event_time")
    assert after == before


@pytest.mark.prove
async def test_a_killed_consumer_catches_up_after_its_restart(start: Start, broker: Broker, shop: Shop) -> None:
    customer = new_customer()
    notifications = start("notifications", broker.environment)
    await shop.place(cart(customer=customer, p_0001=1))
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)
    notifications.signal(signal.SIGKILL)
    notifications.wait()
    for _ in range(3):
        assert (await shop.place(cart(customer=customer, p_0001=1))).state == CONFIRMED
    restarted = start("notifications", broker.environment)
    await wait_for_notifications(restarted, customer, *[CONFIRMED_KIND, PLACED_KIND] * 4)


async def test_while_kafka_is_down_orders_succeed_and_no_event_is_lost(
    start: Start, broker: Broker, orders: Process, shop: Shop
) -> None:
    customer = new_customer()
    notifications = start("notifications", broker.environment)
    await shop.place(cart(customer=customer, p_0001=1))
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)
    with broker.stopped():
        for _ in range(5):
            assert (await shop.place(cart(customer=customer, p_0001=1))).state == CONFIRMED
        assert orders.events()["outbox"]["waiting"] == 10
    await wait_for_notifications(notifications, customer, *[CONFIRMED_KIND, PLACED_KIND] * 6)
    async for attempt in eventually():
        with attempt:
            assert orders.events()["outbox"] == {"waiting": 0, "eldest": None}


@pytest.mark.prove
@pytest.mark.timing
async def test_while_kafka_is_down_no_order_waits_for_it(broker: Broker, shop: Shop) -> None:
    with broker.stopped():
        stopwatch = Stopwatch()
        for _ in range(5):
            assert (await shop.place(cart(customer=new_customer(), p_0001=1))).state == CONFIRMED
        assert stopwatch.elapsed() < 5


@pytest.mark.prove
async def test_events_in_the_outbox_of_a_killed_process_are_published_by_the_next_one(
    start: Start, broker: Broker, callees: dict[str, Process]
) -> None:
    customer, env = new_customer(), targets(*callees.values())
    without_kafka = start("orders", env, folder="without-kafka", data_folder="shared")
    async with open_shop(without_kafka, callees) as shop:
        await shop.place(cart(customer=customer, p_0001=1))
    without_kafka.signal(signal.SIGKILL)
    without_kafka.wait()
    notifications = start("notifications", broker.environment)
    start("orders", {**env, **broker.environment}, folder="with-kafka", data_folder="shared")
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)


@pytest.mark.prove
async def test_two_replicas_publish_the_events_of_each_order_in_sequence(
    start: Start, broker: Broker, callees: dict[str, Process]
) -> None:
    env = {**targets(*callees.values()), **broker.environment}
    replicas = [start("orders", env, folder=name, data_folder="both") for name in ("one", "two")]
    async with open_shop(replicas[0], callees) as one, open_shop(replicas[1], callees) as two:
        placed = await asyncio.gather(*(shop.place(cart(p_0001=1)) for _ in range(10) for shop in (one, two)))
    keys = {order.name.removeprefix("orders/").encode() for order in placed}
    async for attempt in eventually():
        with attempt:
            assert replicas[0].events()["outbox"]["waiting"] == 0
    sequences: dict[bytes, list[bytes]] = {}
    for record in broker.records(TOPIC):
        if (key := bytes(record.key() or b"")) in keys:
            sequences.setdefault(key, []).append(headers_of(record)["ce_type"].rpartition(b".")[2])
    assert set(map(tuple, sequences.values())) == {(b"OrderPlaced", b"OrderConfirmed")}
    assert sequences.keys() == keys


async def test_a_malformed_record_becomes_a_dead_letter_and_later_records_are_consumed(
    start: Start, broker: Broker, shop: Shop
) -> None:
    customer = new_customer()
    notifications = start("notifications", broker.environment)
    id_prefix = str(uuid.uuid4()).encode()
    for key in (b"1", b"2", b"3", b"4", b"5", b"6"):  # some in each partition
        broker.send(TOPIC, (key, b"\xff", {"ce_type": b"shop.orders.v1.OrderPlaced", "ce_id": id_prefix + key}))
    await shop.place(cart(customer=customer, p_0001=1))
    await wait_for_notifications(notifications, customer, CONFIRMED_KIND, PLACED_KIND)
    async for attempt in eventually():
        with attempt:
            dead_letters = [headers_of(record) for record in broker.records("notifications.dead-letters")]
            own = [headers for headers in dead_letters if headers["ce_id"].startswith(id_prefix)]
            assert len(own) == 6
    assert all(headers["dead_letter_topic"] == TOPIC.encode() for headers in own)
    assert all(b"MalformedRecordError" in headers["dead_letter_reason"] for headers in own)
    assert notifications.events()["consumer"]["dead_letters"] >= 6
    assert await metric(notifications, "event_dead_letters_total", topic=TOPIC, reason="malformed") >= 6
    assert await metric(notifications, "event_consumer_lag_records", topic=TOPIC) == 0


async def test_dead_letters_can_be_replayed(start: Start, broker: Broker, orders: Process, shop: Shop) -> None:
    customer = new_customer()
    failing = start("failing_notifications", broker.environment, wait=False)
    (failing.folder / "refuse").touch()
    failing.wait_ready()
    await shop.place(cart(customer=customer, p_0001=1))
    async for attempt in eventually():
        with attempt:
            assert failing.events()["consumer"]["dead_letters"] >= 2
    assert await notification_kinds(failing, customer) == []
    assert await metric(failing, "event_dead_letters_total", topic=TOPIC, reason="failed") >= 2
    async for attempt in eventually():
        with attempt:
            waiting = await metric(failing, "event_dead_letters_waiting")
            assert waiting >= 2
    (placed,) = await records(orders, logger="access", code="OK")
    await records(failing, count=2, message="a record goes to the dead letters", trace_id=placed["trace_id"])
    (failing.folder / "refuse").unlink()
    assert "dead letters are replayed" in replay(broker)
    await wait_for_notifications(failing, customer, CONFIRMED_KIND, PLACED_KIND)
    replayed = {"topic": "notifications.replays", "type": "shop.orders.v1.OrderPlaced", "outcome": "applied"}
    assert await metric(failing, "event_processed_total", **replayed) >= 1
    async for attempt in eventually():
        with attempt:
            # Those that are malformed come back.
            assert await metric(failing, "event_dead_letters_waiting") < waiting


async def metric(process: Process, name: str, **labels: str) -> float:
    """Return the value of a metric; -1 if the process does not serve it."""
    found = await asyncio.to_thread(value, process, name, **labels)
    return -1 if found is None else found


def replay(broker: Broker) -> str:
    """Replay the dead letters of notifications, and return what the command prints."""
    command = [sys.executable, "-m", "services.notifications", "replay-dead-letters"]
    env = {**broker.environment, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_replay_without_kafka_says_which_variable_is_not_set() -> None:
    command = [sys.executable, "-m", "services.notifications", "replay-dead-letters"]
    run = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert run.stderr == "notifications: KAFKA_BOOTSTRAP_SERVERS: is not set\n"
