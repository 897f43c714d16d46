"""Reads the records of all services: every page of every list, converted to the operator's own domain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypeVar

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

MessageT = TypeVar("MessageT")
ItemT = TypeVar("ItemT")

PAGE_SIZE = 100
ALL_CUSTOMERS = "customers/-"


@dataclass(frozen=True)
class Services:
    """Every service that has records. Without Kafka `topics` is None, and the records made from events are not read.

    Each method may raise AioRpcError.
    """

    channel: Callable[[str], grpc.aio.Channel]
    topics: Topics | None

    async def read(self) -> Records:
        """Read all records once. Raises AioRpcError, KafkaException, MalformedRecordError."""
        orders_before = await self.orders()
        payments, reservations, shipments, stocks, event_records = await asyncio.gather(
            _collect(self.payments(), read_payment),
            _collect(self.reservations(), read_reservation),
            _collect(self.shipments(), read_shipment),
            _collect(self._stocks(), _read_stock),
            self.event_records(),
        )
        orders_after = await self.orders()
        return Records(orders_before, orders_after, payments, reservations, shipments, stocks, event_records)

    async def orders(self) -> dict[str, Order]:
        """Return every order, by name."""
        stub = orders_pb2_grpc.OrdersServiceStub(self.channel("orders"))
        orders = _items(stub.ListOrders, orders_pb2.ListOrdersRequest(customer=ALL_CUSTOMERS), "orders")
        return {each.name: read_order(each) async for each in orders}

    async def event_records(self) -> EventRecords | None:
        """Return the orders' events, and what the consumers recorded from them; None without Kafka."""
        if self.topics is None:
            return None
        (published, complete_since), dead_letters, notifications, sales, demands = await asyncio.gather(
            asyncio.to_thread(self.topics.events),
            asyncio.to_thread(self.topics.dead_letters),
            _collect(self.notifications(), read_notification),
            _collect(self.sales(), read_sale),
            _collect(self._demands(), _read_demand),
        )
        events = [each.event for each in published]
        return EventRecords(events, complete_since, notifications, sales, demands, dead_letters)

    async def order(self, name: str) -> orders_pb2.Order:
        """Return one order."""
        stub = orders_pb2_grpc.OrdersServiceStub(self.channel("orders"))
        return (await stub.GetOrder(orders_pb2.GetOrderRequest(name=name))).order

    def payments(self) -> AsyncIterator[payments_pb2.Payment]:
        """Return every payment."""
        stub = payments_pb2_grpc.PaymentsServiceStub(self.channel("payments"))
        return _items(stub.ListPayments, payments_pb2.ListPaymentsRequest(), "payments")

    def reservations(self) -> AsyncIterator[inventory_pb2.Reservation]:
        """Return every reservation."""
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        return _items(stub.ListReservations, inventory_pb2.ListReservationsRequest(), "reservations")

    def shipments(self) -> AsyncIterator[shipping_pb2.Shipment]:
        """Return every shipment."""
        stub = shipping_pb2_grpc.ShippingServiceStub(self.channel("shipping"))
        return _items(stub.ListShipments, shipping_pb2.ListShipmentsRequest(), "shipments")

    def notifications(self) -> AsyncIterator[notifications_pb2.Notification]:
        """Return every notification."""
        stub = notifications_pb2_grpc.NotificationsServiceStub(self.channel("notifications"))
        request = notifications_pb2.ListNotificationsRequest(customer=ALL_CUSTOMERS)
        return _items(stub.ListNotifications, request, "notifications")

    def sales(self) -> AsyncIterator[analytics_pb2.Sale]:
        """Return every sale, as analytics counted it."""
        stub = analytics_pb2_grpc.AnalyticsServiceStub(self.channel("analytics"))
        return _items(stub.ListSales, analytics_pb2.ListSalesRequest(), "sales")

    def _stocks(self) -> AsyncIterator[inventory_pb2.Stock]:
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        return _items(stub.ListStocks, inventory_pb2.ListStocksRequest(), "stocks")

    def _demands(self) -> AsyncIterator[inventory_pb2.Demand]:
        stub = inventory_pb2_grpc.InventoryServiceStub(self.channel("inventory"))
        return _items(stub.ListDemands, inventory_pb2.ListDemandsRequest(), "demands")


def money(amount: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(to_cents(amount), amount.currency_code)


def sum_pieces(lines: Iterable[Any]) -> Pieces:
    """Return the quantities of the lines, added up by product. A line has `product` and `quantity`."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line.product] += line.quantity
    return dict(total)


def read_order(order: orders_pb2.Order) -> Order:
    """Convert an order."""
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


def read_payment(payment: payments_pb2.Payment) -> Payment:
    """Convert a payment."""
    state = _value_name(payments_pb2.Payment.State, payment.state)
    return Payment(payment.name, state, money(payment.amount), payment.reference)


def read_reservation(reservation: inventory_pb2.Reservation) -> Reservation:
    """Convert a reservation."""
    state = _value_name(inventory_pb2.Reservation.State, reservation.state)
    return Reservation(reservation.name, state, sum_pieces(reservation.lines), reservation.reference)


def read_shipment(shipment: shipping_pb2.Shipment) -> Shipment:
    """Convert a shipment."""
    state = _value_name(shipping_pb2.Shipment.State, shipment.state)
    return Shipment(shipment.name, state, money(shipment.price), shipment.reference)


def read_notification(notification: notifications_pb2.Notification) -> Notification:
    """Convert a notification."""
    kind = _value_name(notifications_pb2.Notification.Kind, notification.kind)
    return Notification(notification.name.removeprefix("notifications/"), notification.order, kind)


def read_sale(sale: analytics_pb2.Sale) -> Sale:
    """Convert a sale."""
    state = _value_name(analytics_pb2.Sale.State, sale.state)
    return Sale(sale.order, state, sum_pieces(sale.products), money(sale.total))


def _read_stock(stock: inventory_pb2.Stock) -> Stock:
    return Stock(stock.product, stock.available, stock.reserved, stock.sold, stock.received)


def _read_demand(demand: inventory_pb2.Demand) -> Demand:
    return Demand(demand.product, demand.asked, demand.sold, demand.missed)


def _value_name(enum: Any, value: int) -> str:  # noqa: ANN401  # protobuf has no type for it
    """Return the name of an enum value without its prefix: CAPTURED for STATE_CAPTURED."""
    return str(enum.Name(value)).partition("_")[2]


async def _collect(items: AsyncIterator[MessageT], convert: Callable[[MessageT], ItemT]) -> list[ItemT]:
    return [convert(each) async for each in items]


async def _items(method: Callable[[Any], Awaitable[Any]], request: Any, field: str) -> AsyncIterator[Any]:  # noqa: ANN401  # messages
    """Yield every item of a list, page by page; `request` is the one for the first page, `field` has the items."""
    request.page_size = PAGE_SIZE
    while True:
        page = await method(request)
        for item in getattr(page, field):
            yield item
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
