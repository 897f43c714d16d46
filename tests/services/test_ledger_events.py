"""The ledger command checks the events of orders in Kafka and the data of each consumer, and reports differences."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.services.ledger import assert_balanced, ledger, operator
from tests.support.databases import Databases, query
from tests.support.kafka import Broker, UnavailableError, headers_of
from tests.support.processes import Process, targets
from tests.support.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, cart
from tests.support.starters import starter

TOPIC = "shop.orders.v1.events"
BALANCE_TIMEOUT_SECONDS = 30
NO_WAIT = 0.0


@dataclass(frozen=True)
class Books:
    """The services that the ledger reads, by name, and their Kafka."""

    services: dict[str, Process]
    broker: Broker

    def assert_balanced(self) -> str:
        """Wait until the books balance, and return the report."""
        return assert_balanced(*self.services.values(), kafka=self.broker.address, within=BALANCE_TIMEOUT_SECONDS)

    def unbalanced_report(self) -> str:
        """Assert that the books do not balance, and return the report."""
        run = ledger(*self.services.values(), kafka=self.broker.address, within=NO_WAIT)
        assert run.returncode == 1, run.stdout + run.stderr
        return run.stdout


async def order_everything(services: dict[str, Process]) -> None:
    shop = Shop(*(services[name] for name in ("orders", "inventory", "payments", "shipping")))
    assert (await shop.place(cart(p_0001=2, to=BERLIN))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0199=1))).state == REJECTED
    assert (await shop.place(cart(p_0003=1, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    cancelled = await shop.place(cart(p_0004=1))
    assert (await shop.cancel(cancelled.name)).state == CANCELLED
    await shop.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Books]:
    """Place all kinds of orders in the module's own shop, with a Kafka that has no events of other orders."""
    try:
        broker = Broker(tmp_path_factory.mktemp("kafka"))
    except UnavailableError as error:
        pytest.skip(f"Kafka cannot run: {error}")
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


def test_the_consumers_data_agrees_with_the_orders(books: Books) -> None:
    report = books.assert_balanced()
    assert "holds  events         9 events in 9 records of Kafka" in report
    assert "holds  notifications  9 notifications" in report
    assert "holds  analytics      1 CANCELLED, 1 CONFIRMED, 2 REJECTED" in report
    assert "holds  demand         6 asked, 2 sold, 2 missed" in report
    assert "holds  dead letters" in report


async def orders_by_state(books: Books) -> dict[int, str]:
    """Return the name of one order in each state."""
    shop = Shop(*(books.services[name] for name in ("orders", "inventory", "payments", "shipping")))
    orders = await shop.orders("customers/ada")
    await shop.close()
    return {order.state: order.name for order in orders}


def story_of(books: Books, order: str) -> Any:  # noqa: ANN401  # JSON
    """Return what the operator's command `order` prints about an order."""
    run = operator("order", order, services=books.services.values(), kafka=books.broker.address)
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


async def test_the_story_of_an_order_has_its_records_in_all_services(books: Books) -> None:
    books.assert_balanced()
    order = (await orders_by_state(books))[CONFIRMED]
    story = story_of(books, order)
    assert (story["order"]["name"], story["verdict"]) == (order, "BALANCED")
    states = {kind: [each.get("state") for each in records] for kind, records in story["records"].items()}
    assert states == {
        "reservations": ["STATE_COMMITTED"],
        "payments": ["STATE_CAPTURED"],
        "shipments": ["STATE_BOOKED"],
        "notifications": [None, None],
        "sales": ["STATE_CONFIRMED"],
    }
    assert [event["type"] for event in story["events"]] == ["OrderPlaced", "OrderConfirmed"]
    assert {f"notifications/{event['id']}" for event in story["events"]} == {
        each["name"] for each in story["records"]["notifications"]
    }
    for personal in ("customers/", BERLIN.recipient, BERLIN.postal_code, *BERLIN.lines):
        assert personal not in json.dumps(story)


async def test_the_story_of_an_order_names_what_does_not_balance(books: Books) -> None:
    order = (await orders_by_state(books))[CANCELLED]
    assert [event["type"] for event in story_of(books, order)["events"]][-1] == "OrderCancelled"
    payments = books.services["payments"].database_url
    query(payments, "UPDATE payments SET cents = cents + 1 WHERE state = 'REFUNDED'")
    story = story_of(books, order)
    query(payments, "UPDATE payments SET cents = cents - 1 WHERE state = 'REFUNDED'")
    # UNSETTLED in the minute after the order has ended, then UNBALANCED.
    assert story["verdict"] != "BALANCED"
    found = {check["check"]: check["mismatches"] for check in story["checks"] if check["mismatches"]}
    assert found.keys() == {"payments"}
    [mismatch] = found["payments"]
    assert (mismatch["expected"], mismatch["actual"]) == (f"13.90 EUR as {order}", "13.91 EUR")


def test_an_unknown_order_has_no_story(books: Books) -> None:
    run = operator("order", "orders/none", services=books.services.values(), kafka=books.broker.address)
    assert run.returncode == 1
    assert run.stderr.startswith("NOT_FOUND ORDER_NOT_FOUND: ")


@pytest.mark.parametrize(
    ("service", "tamper", "restore", "message"),
    [
        pytest.param(
            "notifications",
            "UPDATE notifications SET kind = 'ORDER_PLACED' WHERE kind = 'ORDER_CANCELLED'",
            "UPDATE notifications SET kind = 'ORDER_CANCELLED' WHERE text LIKE '%is cancelled%'",
            "FAILS  notifications",
            id="a notification of another kind",
        ),
        pytest.param(
            "analytics",
            "UPDATE sales SET total_cents = total_cents + 1 WHERE state = 'CONFIRMED'",
            "UPDATE sales SET total_cents = total_cents - 1 WHERE state = 'CONFIRMED'",
            "analytics: sale of orders/",
            id="a different total",
        ),
        pytest.param(
            "inventory",
            "UPDATE demands SET asked = asked + 2 WHERE product_id = 'p-0001'",
            "UPDATE demands SET asked = asked - 2 WHERE product_id = 'p-0001'",
            "demand for products/p-0001: expected asked 3; found 5",
            id="an event counted twice",
        ),
    ],
)
def test_the_ledger_reports_tampered_data(books: Books, service: str, tamper: str, restore: str, message: str) -> None:
    url = books.services[service].database_url
    query(url, tamper)
    report = books.unbalanced_report()
    query(url, restore)
    assert message in report
    books.assert_balanced()


@pytest.mark.prove
def test_a_duplicate_record_is_one_event_but_two_events_of_one_change_are_reported(books: Books) -> None:
    record = books.broker.records(TOPIC)[0]
    key, value, headers = bytes(record.key() or b""), bytes(record.value() or b""), headers_of(record)
    books.broker.send(TOPIC, (key, value, headers))
    assert "9 events in 10 records of Kafka" in books.assert_balanced()
    books.broker.send(TOPIC, (key, value, {**headers, "ce_id": str(uuid.uuid4()).encode()}))
    assert "FAILS  events" in books.unbalanced_report()


def test_a_dead_letter_is_reported(books: Books) -> None:
    books.broker.send("analytics.dead-letters", (b"1", b"", {}))
    assert "dead letters: analytics: expected no dead letters; found 1" in books.unbalanced_report()
