"""The services whose books are read, in the terms of the operator's own domain: every page of every list."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import grpc.aio
from google.type import money_pb2

from services.operator.domain import (
    Books,
    Demand,
    Money,
    Notification,
    Order,
    Payment,
    Pieces,
    Reservation,
    Sale,
    Shipment,
    State,
    Stock,
    Told,
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
EVERYBODY = "customers/-"


@dataclass(frozen=True)
class Services:
    """Everything that is read. `topics` is None without Kafka; nobody is asked then who knows only what it tells."""

    channel: Callable[[str], grpc.aio.Channel]
    topics: Topics | None

    async def read(self) -> Books:
        """Read all books once. Raises AioRpcError, KafkaException."""
        before = await self.orders()
        payments, reservations, shipments, stocks, told = await asyncio.gather(
            self.payments(), self.reservations(), self.shipments(), self.stocks(), self.told()
        )
        return Books(before, await self.orders(), payments, reservations, shipments, stocks, told)

    async def orders(self) -> dict[str, Order]:
        """Answer every order."""
        stub = orders_pb2_grpc.OrdersServiceStub(self.channel("orders"))
        pages = _pages(stub.ListOrders, orders_pb2.ListOrdersRequest(customer=EVERYBODY))
        return {order.name: _order(order) async for reply in pages for order in reply.orders}

    async def payments(self) -> list[Payment]:
        """Answer every payment."""
        stub = payments_pb2_grpc.PaymentsServiceStub(self.channel("payments"))
        pages = _pages(stub.ListPayments, payments_pb2.ListPaymentsRequest())
        states = payments_pb2.Payment.State
        return [
            Payment(each.name, _word(states, each.state), money(each.amount), each.reference)
            async for reply in pages
            for each in reply.payments
        ]

    async def reservations(self) -> list[Reservation]:
        """Answer every reservation."""
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListReservations, inventory_pb2.ListReservationsRequest())
        states = inventory_pb2.Reservation.State
        return [
            Reservation(each.name, _word(states, each.state), pieces(each.lines), each.reference)
            async for reply in pages
            for each in reply.reservations
        ]

    async def shipments(self) -> list[Shipment]:
        """Answer every shipment."""
        stub = shipping_pb2_grpc.ShippingServiceStub(self.channel("shipping"))
        pages = _pages(stub.ListShipments, shipping_pb2.ListShipmentsRequest())
        states = shipping_pb2.Shipment.State
        return [
            Shipment(each.name, _word(states, each.state), money(each.price), each.reference)
            async for reply in pages
            for each in reply.shipments
        ]

    async def stocks(self) -> list[Stock]:
        """Answer the stock of every product."""
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListStocks, inventory_pb2.ListStocksRequest())
        return [
            Stock(each.product, each.available, each.reserved, each.sold, each.received)
            async for reply in pages
            for each in reply.stocks
        ]

    async def told(self) -> Told | None:
        """Answer what came of the orders' events; None without Kafka."""
        if self.topics is None:
            return None
        (events, since), letters, notifications, sales, demands = await asyncio.gather(
            asyncio.to_thread(self.topics.events),
            asyncio.to_thread(self.topics.dead_letters),
            self._notifications(),
            self._sales(),
            self._demands(),
        )
        return Told(events, since, notifications, sales, demands, letters)

    async def _notifications(self) -> list[Notification]:
        stub = notifications_pb2_grpc.NotificationsServiceStub(self.channel("notifications"))
        pages = _pages(stub.ListNotifications, notifications_pb2.ListNotificationsRequest(customer=EVERYBODY))
        kinds = notifications_pb2.Notification.Kind
        return [
            Notification(each.name.removeprefix("notifications/"), each.order, _word(kinds, each.kind))
            async for reply in pages
            for each in reply.notifications
        ]

    async def _sales(self) -> list[Sale]:
        stub = analytics_pb2_grpc.AnalyticsServiceStub(self.channel("analytics"))
        pages = _pages(stub.ListSales, analytics_pb2.ListSalesRequest())
        states = analytics_pb2.Sale.State
        return [
            Sale(each.order, _word(states, each.state), pieces(each.products), money(each.total))
            async for reply in pages
            for each in reply.sales
        ]

    async def _demands(self) -> list[Demand]:
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        pages = _pages(stub.ListDemands, inventory_pb2.ListDemandsRequest())
        return [
            Demand(each.product, each.asked, each.sold, each.missed) async for reply in pages for each in reply.demands
        ]


def money(amount: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(to_cents(amount), amount.currency_code)


def pieces(lines: Iterable[Any]) -> Pieces:
    """Read lines of whatever message, each with a product and a quantity; of one product, their sum."""
    found: Counter[str] = Counter()
    for line in lines:
        found[line.product] += line.quantity
    return dict(found)


def _order(order: orders_pb2.Order) -> Order:
    reasons = orders_pb2.Order.RejectionReason
    return Order(
        name=order.name,
        state=State(_word(orders_pb2.Order.State, order.state)),
        pieces=pieces(order.items),
        total=money(order.total),
        shipping=money(order.shipping_price) if order.HasField("shipping_price") else None,
        lacks_stock=order.rejection_reason == reasons.REJECTION_REASON_INSUFFICIENT_STOCK,
        parked=order.HasField("parking"),
        create_time=order.create_time.ToDatetime(UTC),
        update_time=order.update_time.ToDatetime(UTC),
    )


def _word(enum: Any, value: int) -> str:  # noqa: ANN401  # the wrapper has no type of its own
    """Answer a value's name without what stands before it: CAPTURED for STATE_CAPTURED."""
    return str(enum.Name(value)).partition("_")[2]


async def _pages(method: Callable[[Any], Awaitable[Any]], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # messages
    """Answer every page of a list; `request` is the first page's."""
    request.page_size = PAGE_SIZE
    while True:
        reply = await method(request)
        yield reply
        if not reply.next_page_token:
            return
        request.page_token = reply.next_page_token
