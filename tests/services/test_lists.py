"""The lists for operators: pages are complete, also while entries are added, and invalid requests are rejected."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.type import money_pb2

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from shop.payments.v1 import payments_pb2, payments_pb2_grpc
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc
from tests.support.errors import refused
from tests.support.starters import Shared

Stub = Any
Add = Callable[[Stub], Awaitable[str]]


def new_id() -> str:
    return str(uuid.uuid4())


async def pay(stub: Stub) -> str:
    price = money_pb2.Money(currency_code="EUR", units=1)
    request = payments_pb2.AuthorizePaymentRequest(
        request_id=new_id(),
        amount=price,
        payment_token="tok_visa",  # noqa: S106  # a token of the simulated processor
        reference="orders/1",
    )
    return str((await stub.AuthorizePayment(request)).payment.name)


async def ship(stub: Stub) -> str:
    address = shipping_pb2.Address(recipient="Ada", lines=["Linden 1"], locality="Berlin", region_code="DE")
    price = money_pb2.Money(currency_code="EUR", units=4, nanos=900_000_000)
    request = shipping_pb2.BookShipmentRequest(request_id=new_id(), destination=address, pieces=1, price=price)
    return str((await stub.BookShipment(request)).shipment.name)


async def reserve(stub: Stub) -> str:
    line = inventory_pb2.ReservationLine(product="products/p-0001", quantity=1)
    request = inventory_pb2.ReserveStockRequest(request_id=new_id(), lines=[line], reference="orders/1")
    return str((await stub.ReserveStock(request)).reservation.name)


async def receive(stub: Stub) -> str:
    # Sorts after all other stocks. In the other lists a new entry comes first.
    name = f"stocks/z-{new_id()}"
    await stub.ReceiveStock(inventory_pb2.ReceiveStockRequest(request_id=new_id(), name=name, pieces=1))
    return name


@dataclass(frozen=True)
class Listing:
    """A list method, the response field with its entries, and a function that adds an entry, if a call can."""

    service: str
    stub: Callable[[grpc.aio.Channel], Stub]
    method: str
    request: Callable[..., Any]
    entries: str
    add: Add | None = None

    async def page(self, stub: Stub, **fields: object) -> tuple[list[str], str]:
        """Return the names on a page, and the token of the next page."""
        reply = await getattr(stub, self.method)(self.request(**fields))
        return [entry.name for entry in getattr(reply, self.entries)], reply.next_page_token

    async def names(self, stub: Stub, size: int, token: str = "") -> list[str]:
        """Return the names on all pages."""
        page_names, token = await self.page(stub, page_size=size, page_token=token)
        return [*page_names, *(await self.names(stub, size, token) if token else [])]


def of_all_customers(**fields: Any) -> notifications_pb2.ListNotificationsRequest:  # noqa: ANN401  # the fields of a message
    return notifications_pb2.ListNotificationsRequest(customer="customers/-", **fields)


inventory, pb = inventory_pb2_grpc.InventoryServiceStub, inventory_pb2
LISTS = [
    Listing(
        "payments",
        payments_pb2_grpc.PaymentsServiceStub,
        "ListPayments",
        payments_pb2.ListPaymentsRequest,
        "payments",
        pay,
    ),
    Listing(
        "shipping",
        shipping_pb2_grpc.ShippingServiceStub,
        "ListShipments",
        shipping_pb2.ListShipmentsRequest,
        "shipments",
        ship,
    ),
    Listing("inventory", inventory, "ListReservations", pb.ListReservationsRequest, "reservations", reserve),
    Listing("inventory", inventory, "ListStocks", pb.ListStocksRequest, "stocks", receive),
    Listing("inventory", inventory, "ListDemands", pb.ListDemandsRequest, "demands"),
    Listing(
        "notifications",
        notifications_pb2_grpc.NotificationsServiceStub,
        "ListNotifications",
        of_all_customers,
        "notifications",
    ),
    Listing("analytics", analytics_pb2_grpc.AnalyticsServiceStub, "ListSales", analytics_pb2.ListSalesRequest, "sales"),
]
GROWING = [listing for listing in LISTS if listing.add]


def method_name(listing: Listing) -> str:
    return listing.method


@pytest.mark.parametrize("listing", GROWING, ids=method_name)
async def test_all_pages_together_contain_each_entry_once(listing: Listing, shared: Shared) -> None:
    async with shared(listing.service).channel() as channel:
        stub = listing.stub(channel)
        assert listing.add
        added = [await listing.add(stub) for _ in range(5)]
        names = await listing.names(stub, size=2) if listing.entries != "stocks" else await listing.names(stub, 100)
        assert len(names) == len(set(names))
        assert set(added) <= set(names)
        if listing.entries == "stocks":
            assert names == sorted(names)
        else:
            assert names[:5] == added[::-1], "newest first"


@pytest.mark.parametrize("listing", GROWING, ids=method_name)
async def test_adding_entries_while_reading_repeats_and_skips_no_entry(listing: Listing, shared: Shared) -> None:
    async with shared(listing.service).channel() as channel:
        stub = listing.stub(channel)
        assert listing.add
        for _ in range(3):
            await listing.add(stub)
        before = await listing.names(stub, size=100)
        first, token = await listing.page(stub, page_size=2)
        await listing.add(stub)
        second, _ = await listing.page(stub, page_size=1, page_token=token)
        assert [*first, *second] == before[:3]


@pytest.mark.parametrize("listing", LISTS, ids=method_name)
async def test_an_empty_list_is_no_error_and_invalid_fields_are_named(listing: Listing, shared: Shared) -> None:
    async with shared(listing.service).channel() as channel:
        stub = listing.stub(channel)
        _, token = await listing.page(stub, page_size=100)
        for fields, invalid in (
            ({"page_size": -1}, ["page_size"]),
            ({"page_token": "made up"}, ["page_token"]),
            ({"page_size": -(2**31), "page_token": "!"}, ["page_size", "page_token"]),
        ):
            error = await refused(listing.page(stub, **fields))
            assert (error.code, error.reason, error.fields) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "INVALID_FIELDS",
                invalid,
            )
        assert isinstance(token, str)


async def test_a_page_token_of_another_list_is_rejected(shared: Shared) -> None:
    stocks, demands = (listing for listing in LISTS if listing.method in {"ListStocks", "ListDemands"})
    async with shared("inventory").channel() as channel:
        stub = inventory(channel)
        _, token = await stocks.page(stub, page_size=1)
        assert (await refused(demands.page(stub, page_token=token))).fields == ["page_token"]
