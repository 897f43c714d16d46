"""The ledger command: the books balance after all kinds of orders, and it reports data that was tampered with."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.services.ledger import assert_balanced, ledger
from tests.support.databases import Databases, query
from tests.support.processes import Process, targets
from tests.support.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, address_with, cart
from tests.support.starters import starter

NO_WAIT = 0.0
"""Seconds to wait for the books to balance: none, as no order is in progress."""


@dataclass(frozen=True)
class Books:
    """The services that the ledger reads."""

    orders: Process
    inventory: Process
    payments: Process
    shipping: Process

    @property
    def all(self) -> tuple[Process, ...]:
        """Return all processes."""
        return self.orders, self.inventory, self.payments, self.shipping


async def order_everything(books: Books) -> None:
    """Place orders that end in every state: confirmed, rejected for every reason, cancelled; shipped and collected."""
    shop = Shop(*books.all)
    assert (await shop.place(cart(p_0001=2))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0002=3, to=BERLIN))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0199=1))).state == REJECTED
    assert (await shop.place(cart(p_0003=1, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    assert (await shop.place(cart(p_0003=1, to=address_with(postal_code="00000")))).state == REJECTED
    cancelled = await shop.place(cart(p_0004=1, to=BERLIN))
    assert (await shop.cancel(cancelled.name)).state == CANCELLED
    await shop.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Books]:
    """Place all kinds of orders in the module's own shop. A test that tampers with its data restores it."""
    starting = starter(tmp_path_factory.mktemp("ledger"), storage)
    start = next(starting)
    inventory, payments, shipping = (start(name) for name in ("inventory", "payments", "shipping"))
    orders = start("orders", targets(start("catalog"), inventory, payments, shipping))
    books = Books(orders, inventory, payments, shipping)
    asyncio.run(order_everything(books))
    yield books
    next(starting, None)


def test_the_books_balance_after_all_kinds_of_orders(books: Books) -> None:
    report = assert_balanced(*books.all)
    assert "2 CONFIRMED, 3 REJECTED, 1 CANCELLED" in report
    assert "the books balance; 6 orders checked" in report


@pytest.mark.parametrize(
    ("service", "tamper", "restore", "message"),
    [
        pytest.param(
            "payments",
            "UPDATE payments SET state = 'AUTHORIZED' WHERE state = 'VOIDED'",
            "UPDATE payments SET state = 'VOIDED' WHERE state = 'AUTHORIZED'",
            "VOIDED or REFUNDED, or none; found payments/",
            id="an authorization that was not voided",
        ),
        pytest.param(
            "payments",
            "UPDATE payments SET cents = cents + 1 WHERE state = 'CAPTURED'",
            "UPDATE payments SET cents = cents - 1 WHERE state = 'CAPTURED'",
            "money: EUR: expected 121.30 EUR; found 121.32 EUR",
            id="more is captured than the orders cost",
        ),
        pytest.param(
            "payments",
            "UPDATE payments SET reference = replace(reference, 'orders/', 'orders/no-')",
            "UPDATE payments SET reference = replace(reference, 'orders/no-', 'orders/')",
            "expected an order; found CAPTURED for orders/no-",
            id="payments without an order",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET available = available - 1 WHERE product_id = 'p-0001'",
            "UPDATE stocks SET available = available + 1 WHERE product_id = 'p-0001'",
            "products/p-0001: expected available + reserved + sold = 395 received",
            id="a piece is missing",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET sold = sold - 1, available = available + 1 WHERE product_id = 'p-0001'",
            "UPDATE stocks SET sold = sold + 1, available = available - 1 WHERE product_id = 'p-0001'",
            "products/p-0001 sold: expected 3; found 2",
            id="a sold piece is counted as available",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET reserved = 1, available = available - 1 WHERE product_id = 'p-0009'",
            "UPDATE stocks SET reserved = 0, available = available + 1 WHERE product_id = 'p-0009'",
            "products/p-0009 reserved: expected 0; found 1",
            id="a piece is reserved without a reservation",
        ),
        pytest.param(
            "inventory",
            "UPDATE reservations SET state = 'HELD' WHERE state = 'RELEASED'",
            "UPDATE reservations SET state = 'RELEASED' WHERE state = 'HELD'",
            "RELEASED, or none; found reservations/",
            id="a reservation that was not released",
        ),
        pytest.param(
            "shipping",
            "UPDATE shipments SET state = 'BOOKED' WHERE state = 'CANCELLED'",
            "UPDATE shipments SET state = 'CANCELLED' WHERE create_time = (SELECT max(create_time) FROM shipments)",
            "one, CANCELLED; found shipments/",
            id="a shipment that was not cancelled",
        ),
        pytest.param(
            "orders",
            "UPDATE orders SET state = 'PENDING' WHERE rejection_reason = 'SHIPPING_REFUSED'",
            "UPDATE orders SET state = 'REJECTED' WHERE rejection_reason = 'SHIPPING_REFUSED'",
            "expected a final state; found PENDING",
            id="an order that did not end",
        ),
    ],
)
def test_the_ledger_reports_tampered_data(books: Books, service: str, tamper: str, restore: str, message: str) -> None:
    process: Process = getattr(books, service)
    query(process.database_url, tamper)
    run = ledger(*books.all, within=NO_WAIT)
    query(process.database_url, restore)
    assert run.returncode == 1, run.stdout + run.stderr
    assert message in run.stdout
    assert "the books do not balance" in run.stdout


def test_the_restored_books_balance(books: Books) -> None:
    assert_balanced(*books.all, within=NO_WAIT)
