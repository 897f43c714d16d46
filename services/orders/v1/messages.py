"""Writes the messages of the first version. Its requests are read in services/orders/requests.py."""

from collections.abc import Sequence

from services.orders.domain import Order, OrderItem
from services.orders.progress import Parking
from services.runtime.rpc import Page, from_cents, to_timestamp
from shop.orders.v1 import orders_pb2 as pb


def write_order(order: Order) -> pb.Order:
    """Return the message of an order."""
    rejection, parking = order.rejection, order.progress.parking
    return pb.Order(
        name=f"orders/{order.id}",
        customer=f"customers/{order.customer}",
        state=pb.Order.State.Value(f"STATE_{order.state.value}"),
        items=[_write_item(item, order.currency) for item in order.items],
        total=from_cents(order.total_cents, order.currency),
        rejection_reason=pb.Order.RejectionReason.Value(
            f"REJECTION_REASON_{rejection.reason.value if rejection else 'UNSPECIFIED'}"
        ),
        rejection_message=rejection.message if rejection else "",
        shipping_price=from_cents(order.shipping_cents, order.currency) if order.shipping_cents else None,
        shipment=order.progress.shipment or "",
        create_time=to_timestamp(order.create_time),
        update_time=to_timestamp(order.update_time),
        parking=_write_parking(parking) if parking else None,
    )


def write_list(orders: Sequence[Order], page: Page) -> pb.ListOrdersResponse:
    """Return the message of a page. `orders` are those read for it, one more if another page follows."""
    messages, next_page_token = page.cut(orders, key=lambda order: order.id, write=write_order)
    return pb.ListOrdersResponse(orders=messages, next_page_token=next_page_token)


def _write_item(item: OrderItem, currency: str) -> pb.OrderItem:
    return pb.OrderItem(
        product=f"products/{item.product}",
        display_name=item.display_name,
        quantity=item.quantity,
        unit_price=from_cents(item.unit_price_cents, currency),
    )


def _write_parking(parking: Parking) -> pb.Order.Parking:
    return pb.Order.Parking(
        park_time=to_timestamp(parking.time),
        call=pb.Order.Parking.Call.Value(f"CALL_{parking.call.value}"),
        reason=pb.Order.Parking.Reason.Value(f"REASON_{parking.reason.value}"),
    )
