"""The ledger holds after orders of every kind, and names what offends it once somebody has tampered with the books."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.services.conftest import starter
from tests.services.databases import Databases, query
from tests.services.harness import Process, targets
from tests.services.ledger import assert_balanced, ledger
from tests.services.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, cart, elsewhere

AT_ONCE = 0.0
"""The books are at rest: what offends is told without waiting for better."""


@dataclass(frozen=True)
class Books:
    """The services that keep books, and what was ordered there."""

    orders: Process
    inventory: Process
    payments: Process
    shipping: Process

    @property
    def all(self) -> tuple[Process, ...]:
        """Every one of them."""
        return self.orders, self.inventory, self.payments, self.shipping


async def order_everything(books: Books) -> None:
    """Place orders that end in every way: confirmed, rejected for every reason, cancelled; shipped and collected."""
    shop = Shop(*books.all)
    assert (await shop.place(cart(p_0001=2))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0002=3, to=BERLIN))).state == CONFIRMED
    assert (await shop.place(cart(p_0001=1, p_0199=1))).state == REJECTED
    assert (await shop.place(cart(p_0003=1, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    assert (await shop.place(cart(p_0003=1, to=elsewhere(postal_code="00000")))).state == REJECTED
    undone = await shop.place(cart(p_0004=1, to=BERLIN))
    assert (await shop.cancel(undone.name)).state == CANCELLED
    await shop.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Books]:
    """Order everything in a shop of this module's own; who tampers with its books puts them right again."""
    starting = starter(tmp_path_factory.mktemp("ledger"), storage)
    start = next(starting)
    inventory, payments, shipping = (start(name) for name in ("inventory", "payments", "shipping"))
    orders = start("orders", targets(start("catalog"), inventory, payments, shipping))
    found = Books(orders, inventory, payments, shipping)
    asyncio.run(order_everything(found))
    yield found
    next(starting, None)


def test_the_books_balance_after_orders_of_every_kind(books: Books) -> None:
    told = assert_balanced(*books.all)
    assert "2 CONFIRMED, 3 REJECTED, 1 CANCELLED" in told
    assert "the books balance; 6 orders checked" in told


@pytest.mark.parametrize(
    ("service", "harm", "undo", "told"),
    [
        pytest.param(
            "payments",
            "UPDATE payments SET state = 'AUTHORIZED' WHERE state = 'VOIDED'",
            "UPDATE payments SET state = 'VOIDED' WHERE state = 'AUTHORIZED'",
            "VOIDED or REFUNDED, or none; found payments/",
            id="an authorization is left",
        ),
        pytest.param(
            "payments",
            "UPDATE payments SET cents = cents + 1 WHERE state = 'CAPTURED'",
            "UPDATE payments SET cents = cents - 1 WHERE state = 'CAPTURED'",
            "money: EUR: expected 121.30 EUR; found 121.32 EUR",
            id="more is captured than orders cost",
        ),
        pytest.param(
            "payments",
            "UPDATE payments SET reference = replace(reference, 'orders/', 'orders/no-')",
            "UPDATE payments SET reference = replace(reference, 'orders/no-', 'orders/')",
            "expected an order; found CAPTURED for orders/no-",
            id="payments are nobody's",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET available = available - 1 WHERE product_id = 'p-0001'",
            "UPDATE stocks SET available = available + 1 WHERE product_id = 'p-0001'",
            "products/p-0001: expected available + reserved + sold = 395 received",
            id="a piece is gone",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET sold = sold - 1, available = available + 1 WHERE product_id = 'p-0001'",
            "UPDATE stocks SET sold = sold + 1, available = available - 1 WHERE product_id = 'p-0001'",
            "products/p-0001 sold: expected 3; found 2",
            id="a piece is sold that is still there",
        ),
        pytest.param(
            "inventory",
            "UPDATE stocks SET reserved = 1, available = available - 1 WHERE product_id = 'p-0009'",
            "UPDATE stocks SET reserved = 0, available = available + 1 WHERE product_id = 'p-0009'",
            "products/p-0009 reserved: expected 0; found 1",
            id="a piece is reserved for nobody",
        ),
        pytest.param(
            "inventory",
            "UPDATE reservations SET state = 'HELD' WHERE state = 'RELEASED'",
            "UPDATE reservations SET state = 'RELEASED' WHERE state = 'HELD'",
            "RELEASED, or none; found reservations/",
            id="a reservation is left",
        ),
        pytest.param(
            "shipping",
            "UPDATE shipments SET state = 'BOOKED' WHERE state = 'CANCELLED'",
            "UPDATE shipments SET state = 'CANCELLED' WHERE create_time = (SELECT max(create_time) FROM shipments)",
            "one, CANCELLED; found shipments/",
            id="a shipment is left",
        ),
        pytest.param(
            "orders",
            "UPDATE orders SET state = 'PENDING' WHERE rejection_reason = 'SHIPPING_REFUSED'",
            "UPDATE orders SET state = 'REJECTED' WHERE rejection_reason = 'SHIPPING_REFUSED'",
            "expected a final state; found PENDING",
            id="an order has no end",
        ),
    ],
)
def test_what_was_tampered_with_is_named(books: Books, service: str, harm: str, undo: str, told: str) -> None:
    process: Process = getattr(books, service)
    query(process.database_url, harm)
    run = ledger(*books.all, within=AT_ONCE)
    query(process.database_url, undo)
    assert run.returncode == 1, run.stdout + run.stderr
    assert told in run.stdout
    assert "the books do not balance" in run.stdout


def test_what_was_put_right_again_balances(books: Books) -> None:
    assert_balanced(*books.all, within=AT_ONCE)
