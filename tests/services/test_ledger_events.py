"""The ledger follows each order's events through Kafka into every consumer's books, and names what is amiss there."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.services.conftest import starter
from tests.services.databases import Databases, query
from tests.services.harness import Process, targets
from tests.services.kafka import Broker, UnavailableError, headers_of
from tests.services.ledger import assert_balanced, ledger
from tests.services.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, cart

TOPIC = "shop.orders.v1.events"
PATIENCE_SECONDS = 30
AT_ONCE = 0.0


@dataclass(frozen=True)
class Books:
    """Every service that keeps books, by name, and the Kafka that they tell each other through."""

    services: dict[str, Process]
    broker: Broker

    def prove(self) -> str:
        """Wait until the books balance; answer the report."""
        return assert_balanced(*self.services.values(), kafka=self.broker.address, within=PATIENCE_SECONDS)

    def fault(self) -> str:
        """Answer the report of books that do not balance."""
        run = ledger(*self.services.values(), kafka=self.broker.address, within=AT_ONCE)
        assert run.returncode == 1, run.stdout + run.stderr
        return run.stdout


async def order_everything(services: dict[str, Process]) -> None:
    shop = Shop(*(services[name] for name in ("orders", "inventory", "payments", "shipping")))
    assert (await shop.place(cart(p_0001=2, to=BERLIN))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0199=1))).state == REJECTED
    assert (await shop.place(cart(p_0003=1, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    undone = await shop.place(cart(p_0004=1))
    assert (await shop.cancel(undone.name)).state == CANCELLED
    await shop.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Books]:
    """Order everything in a shop of this module's own, with a Kafka that has no other orders' events."""
    try:
        broker = Broker(tmp_path_factory.mktemp("kafka"))
    except UnavailableError as error:
        pytest.skip(f"Kafka cannot be had: {error}")
    starting = starter(tmp_path_factory.mktemp("ledger"), storage)
    start = next(starting)
    consumers = {name: start(name, broker.environment) for name in ("inventory", "notifications", "analytics")}
    callees = {name: start(name) for name in ("payments", "shipping")}
    env = {**targets(start("catalog"), consumers["inventory"], *callees.values()), **broker.environment}
    services = {**consumers, **callees, "orders": start("orders", env)}
    asyncio.run(order_everything(services))
    yield Books(services, broker)
    next(starting, None)
    broker.stop()


def test_what_was_told_agrees_with_the_orders(books: Books) -> None:
    told = books.prove()
    assert "holds  events         9 events in 9 records of Kafka" in told
    assert "holds  notifications  9 notifications" in told
    assert "holds  analytics      1 CANCELLED, 1 CONFIRMED, 2 REJECTED" in told
    assert "holds  demand         6 asked, 2 sold, 2 missed" in told
    assert "holds  dead letters" in told


@pytest.mark.parametrize(
    ("service", "harm", "undo", "told"),
    [
        pytest.param(
            "notifications",
            "UPDATE notifications SET kind = 'ORDER_PLACED' WHERE kind = 'ORDER_CANCELLED'",
            "UPDATE notifications SET kind = 'ORDER_CANCELLED' WHERE text LIKE '%is cancelled%'",
            "FAILS  notifications",
            id="a customer was told something else",
        ),
        pytest.param(
            "analytics",
            "UPDATE sales SET total_cents = total_cents + 1 WHERE state = 'CONFIRMED'",
            "UPDATE sales SET total_cents = total_cents - 1 WHERE state = 'CONFIRMED'",
            "analytics: sale of orders/",
            id="another total was counted",
        ),
        pytest.param(
            "inventory",
            "UPDATE demands SET asked = asked + 2 WHERE product_id = 'p-0001'",
            "UPDATE demands SET asked = asked - 2 WHERE product_id = 'p-0001'",
            "demand for products/p-0001: expected asked 3; found 5",
            id="an event was counted twice",
        ),
    ],
)
def test_what_was_tampered_with_is_named(books: Books, service: str, harm: str, undo: str, told: str) -> None:
    url = books.services[service].database_url
    query(url, harm)
    report = books.fault()
    query(url, undo)
    assert told in report
    books.prove()


def test_a_record_that_comes_twice_is_one_event_and_two_events_of_one_change_are_one_too_many(books: Books) -> None:
    record = books.broker.records(TOPIC)[0]
    key, value, headers = bytes(record.key() or b""), bytes(record.value() or b""), headers_of(record)
    books.broker.send(TOPIC, (key, value, headers))
    assert "9 events in 10 records of Kafka" in books.prove()
    books.broker.send(TOPIC, (key, value, {**headers, "ce_id": str(uuid.uuid4()).encode()}))
    assert "FAILS  events" in books.fault()


def test_a_dead_letter_is_named(books: Books) -> None:
    books.broker.send("analytics.dead-letters", (b"1", b"", {}))
    assert "dead letters: analytics: expected no dead letters; found 1" in books.fault()
