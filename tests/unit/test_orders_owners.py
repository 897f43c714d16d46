"""Who may see an order: its customer and services of the mesh, but no other customer."""

from collections.abc import AsyncGenerator

import pytest

from services.orders import requests
from services.orders.domain import INTERNAL, ME, Caller, Order
from services.orders.errors import NotYourCustomerError, OrderNotFoundError, TooManyWatchesError
from services.orders.handlers import Orders
from services.orders.watches import MAX_WATCHES_PER_CUSTOMER
from services.runtime.rpc import InvalidResourceNameError
from services.runtime.rpc.metadata import set_metadata
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, cancel_key, place_key

OWNER, STRANGER = Caller(CART.customer), Caller("eve")


async def test_an_order_exists_for_its_owner_and_the_mesh_but_not_for_other_customers(orders: Orders) -> None:
    placed = await orders.place(place_key(), CART)
    for caller in (OWNER, INTERNAL):
        assert await orders.get(placed.id, caller) == placed
        assert await anext(orders.watch(placed.id, caller)) == placed
    with pytest.raises(OrderNotFoundError):
        await orders.get(placed.id, STRANGER)
    with pytest.raises(OrderNotFoundError):
        await anext(orders.watch(placed.id, STRANGER))


async def test_a_customer_has_a_limited_number_of_open_watches_and_takes_none_from_others(orders: Orders) -> None:
    async def open_watch(caller: Caller) -> AsyncGenerator[Order]:
        watch = orders.watch(placed.id, caller)
        assert isinstance(watch, AsyncGenerator)
        await anext(watch)
        return watch

    placed = await orders.place(place_key(), CART)
    first, *_ = opened = [await open_watch(OWNER) for _ in range(MAX_WATCHES_PER_CUSTOMER)]
    with pytest.raises(TooManyWatchesError):
        await open_watch(OWNER)
    opened += [await open_watch(INTERNAL) for _ in range(MAX_WATCHES_PER_CUSTOMER + 1)]
    await first.aclose()
    opened.append(await open_watch(OWNER))
    with pytest.raises(TooManyWatchesError):
        await open_watch(OWNER)


async def test_only_its_owner_cancels_an_order_and_to_others_it_does_not_exist(orders: Orders) -> None:
    placed = await orders.place(place_key(), CART)
    for _ in range(2):
        with pytest.raises(OrderNotFoundError):
            await orders.cancel(cancel_key(placed.id), placed.id, STRANGER)
        await orders.cancel(cancel_key(placed.id), placed.id, OWNER)


@pytest.mark.parametrize(
    ("principal", "customer", "resolved"),
    [
        ("users/ada", ME, "ada"),
        ("users/ada", "ada", "ada"),
        ("users/ada", "eve", None),
        ("users/ada", "-", None),
        (None, "eve", "eve"),
        (None, "-", "-"),
        (None, ME, None),
    ],
)
def test_a_customer_names_only_themselves_and_the_mesh_any_customer(
    principal: str | None, customer: str, resolved: str | None
) -> None:
    set_metadata([] if principal is None else [("x-principal", principal)])
    request = pb.ListOrdersRequest(customer=f"customers/{customer}")
    if resolved is None:
        with pytest.raises(NotYourCustomerError):
            requests.resolve_customer(request)
    else:
        assert requests.resolve_customer(request).customer == f"customers/{resolved}"


def test_the_caller_is_the_user_that_the_gateway_names() -> None:
    def read(*metadata: tuple[str, str]) -> Caller:
        set_metadata(metadata)
        return requests.read_caller()

    assert read(("user-agent", "test")) == INTERNAL
    assert read(("x-principal", "users/ada")) == Caller("ada")
    # Two principals are no existing user: neither the first nor the last, and not the mesh.
    assert read(("x-principal", "users/ada"), ("x-principal", "users/eve")) == Caller("ada,users/eve")
    for invalid in ("", "users/", "ada", "customers/ada"):
        with pytest.raises(InvalidResourceNameError):
            read(("x-principal", invalid))
