"""Reads the records of all services: every page of every list, converted to the operator's own domain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import grpc.aio
from google.type import money_pb2

from services.operator.domain import (
    Demand,
    EventRecords,
    Money,
    Notification,
    Order,
    Payment,
    Pieces,
    Records,
    Reservation,
    Sale,
    Shipment,
    State,
    Stock,
)
from services.operator.events import Topics
from services.runtime.rpc import to_cents
from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from shop.payments.v1 import payments_pb2, payments_pb2_grpc
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc

PAGE_SIZE = 100
ALL_CUSTOMERS = "customers/-"


@dataclass(frozen=True)
class Services:
    """Every service that has records. Without Kafka `topics` is None, and the records made from events are not read."""

    channel: Callable[[str], grpc.aio.Channel]
    topics: Topics | None

    async def read(self) -> Records:
        """Read all records once. Raises AioRpcError, KafkaException, MalformedRecordError."""
        orders_before = await self.orders()
        payments, reservations, shipments, stocks, event_records = await asyncio.gather(
            self.payments(), self.reservations(), self.shipments(), self.stocks(), self.event_records()
        )
        orders_after = await self.orders()
        return Records(orders_before, orders_after, payments, reservations, shipments, stocks, event_records)

    async def orders(self) -> dict[str, Order]:
        """Return every order, by name."""
        stub = orders_pb2_grpc.OrdersServiceStub(self.channel("orders"))
        pages = _pages(stub.ListOrders, orders_pb2.ListOrdersRequest(customer=ALL_CUSTOMERS))
        return {order.name: _order(order) async for page in pages for order in page.orders}

    async def payments(self) -> list[Payment]:
        """Return every payment."""
        stub = payments_pb2_grpc.PaymentsServiceStub(self.channel("payments"))
        pages = _pages(stub.ListPayments, payments_pb2.ListPaymentsRequest())
        states = payments_pb2.Payment.State
        return [
            Payment(each.name, _value_name(states, each.state), money(each.amount), each.reference)
            async for page in pages
            for each in page.payments
        ]

    async def reservations(self) -> list[Reservation]:
        """Return every reservation."""
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListReservations, inventory_pb2.ListReservationsRequest())
        states = inventory_pb2.Reservation.State
        return [
            Reservation(each.name, _value_name(states, each.state), sum_pieces(each.lines), each.reference)
            async for page in pages
            for each in page.reservations
        ]

    async def shipments(self) -> list[Shipment]:
        """Return every shipment."""
        stub = shipping_pb2_grpc.ShippingServiceStub(self.channel("shipping"))
        pages = _pages(stub.ListShipments, shipping_pb2.ListShipmentsRequest())
        states = shipping_pb2.Shipment.State
        return [
            Shipment(each.name, _value_name(states, each.state), money(each.price), each.reference)
            async for page in pages
            for each in page.shipments
        ]

    async def stocks(self) -> list[Stock]:
        """Return the stock of every product."""
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListStocks, inventory_pb2.ListStocksRequest())
        return [
            Stock(each.product, each.available, each.reserved, each.sold, each.received)
            async for page in pages
            for each in page.stocks
        ]

    async def event_records(self) -> EventRecords | None:
        """Return the orders' events, and what the consumers recorded from them; None without Kafka."""
        if self.topics is None:
            return None
        (events, complete_since), dead_letters, notifications, sales, demands = await asyncio.gather(
            asyncio.to_thread(self.topics.events),
            asyncio.to_thread(self.topics.dead_letters),
            self._notifications(),
            self._sales(),
            self._demands(),
        )
        return EventRecords(events, complete_since, notifications, sales, demands, dead_letters)

    async def _notifications(self) -> list[Notification]:
        stub = notifications_pb2_grpc.NotificationsServiceStub(self.channel("notifications"))
        pages = _pages(stub.ListNotifications, notifications_pb2.ListNotificationsRequest(customer=ALL_CUSTOMERS))
        kinds = notifications_pb2.Notification.Kind
        return [
            Notification(each.name.removeprefix("notifications/"), each.order, _value_name(kinds, each.kind))
            async for page in pages
            for each in page.notifications
        ]

    async def _sales(self) -> list[Sale]:
        stub = analytics_pb2_grpc.AnalyticsServiceStub(self.channel("analytics"))
        pages = _pages(stub.ListSales, analytics_pb2.ListSalesRequest())
        states = analytics_pb2.Sale.State
        return [
            Sale(each.order, _value_name(states, each.state), sum_pieces(each.products), money(each.total))
            async for page in pages
            for each in page.sales
        ]

    async def _demands(self) -> list[Demand]:
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListDemands, inventory_pb2.ListDemandsRequest())
        return [
            Demand(each.product, each.asked, each.sold, each.missed) async for page in pages for each in page.demands
        ]


def money(amount: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(to_cents(amount), amount.currency_code)


def sum_pieces(lines: Iterable[Any]) -> Pieces:
    """Return the quantities of the lines, added up by product. A line has `product` and `quantity`."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line.product] += line.quantity
    return dict(total)


def _order(order: orders_pb2.Order) -> Order:
    reasons = orders_pb2.Order.RejectionReason
    return Order(
        name=order.name,
        state=State(_value_name(orders_pb2.Order.State, order.state)),
        pieces=sum_pieces(order.items),
        total=money(order.total),
        shipping=money(order.shipping_price) if order.HasField("shipping_price") else None,
        lacks_stock=order.rejection_reason == reasons.REJECTION_REASON_INSUFFICIENT_STOCK,
        parked=order.HasField("parking"),
        create_time=order.create_time.ToDatetime(UTC),
        update_time=order.update_time.ToDatetime(UTC),
    )


def _value_name(enum: Any, value: int) -> str:  # noqa: ANN401  # protobuf has no type for it
    """Return the name of an enum value without its prefix: CAPTURED for STATE_CAPTURED."""
    return str(enum.Name(value)).partition("_")[2]


async def _pages(method: Callable[[Any], Awaitable[Any]], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # messages
    """Yield every page of a list; `request` is the one for the first page."""
    request.page_size = PAGE_SIZE
    while True:
        page = await method(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
