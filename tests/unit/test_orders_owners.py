"""Whose an order is: a customer's own, the shop's, and nobody else's."""

import pytest

from services.orders import messages
from services.orders.domain import ME, SHOP, Caller, NotYourCustomerError, OrderNotFoundError
from services.orders.handlers import Orders
from services.runtime.rpc import InvalidResourceNameError, principal
from services.runtime.rpc.principal import set_principal
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, cancellation, request

OWNER, STRANGER = Caller(CART.customer), Caller("eve")


async def test_an_order_is_its_owners_and_the_shops_and_to_others_there_is_none(orders: Orders) -> None:
    placed = await orders.place(request(), CART)
    for caller in (OWNER, SHOP):
        assert await orders.order(placed.id, caller) == placed
        assert await anext(orders.watch(placed.id, caller)) == placed
    with pytest.raises(OrderNotFoundError):
        await orders.order(placed.id, STRANGER)
    with pytest.raises(OrderNotFoundError):
        await anext(orders.watch(placed.id, STRANGER))


async def test_an_order_is_cancelled_by_its_owner_alone_and_nobody_else_learns_of_it(orders: Orders) -> None:
    placed = await orders.place(request(), CART)
    for _ in range(2):
        with pytest.raises(OrderNotFoundError):
            await orders.cancel(cancellation(placed), placed.id, STRANGER)
        await orders.cancel(cancellation(placed), placed.id, OWNER)


@pytest.mark.parametrize(
    ("caller", "asked", "meant"),
    [
        (OWNER, ME, CART.customer),
        (OWNER, CART.customer, CART.customer),
        (OWNER, "eve", None),
        (OWNER, "-", None),
        (SHOP, "eve", "eve"),
        (SHOP, "-", "-"),
        (SHOP, ME, None),
    ],
)
def test_a_customer_asks_for_themselves_and_the_shop_for_anybody(caller: Caller, asked: str, meant: str | None) -> None:
    listing = pb.ListOrdersRequest(customer=f"customers/{asked}")
    if meant is None:
        with pytest.raises(NotYourCustomerError):
            messages.meant(listing, caller)
    else:
        assert messages.meant(listing, caller).customer == f"customers/{meant}"


def test_who_asks_is_whom_the_gateway_names() -> None:
    def told(*metadata: tuple[str, str]) -> Caller:
        set_principal(metadata)
        return messages.read_caller(principal())

    assert told(("user-agent", "test")) == SHOP
    assert told(("x-principal", "users/ada")) == Caller("ada")
    # Two are none: not the first, nor the last, nor the shop.
    assert told(("x-principal", "users/ada"), ("x-principal", "users/eve")) == Caller("ada,users/eve")
    for nobody in ("", "users/", "ada", "customers/ada"):
        with pytest.raises(InvalidResourceNameError):
            told(("x-principal", nobody))
