"""Converts the requests of the second version to those of the first, and writes the messages of the second.

services/orders/requests.py explains why requests are converted.
"""

from collections.abc import Sequence

from services.orders.domain import Order, OrderItem
from services.orders.progress import Rejection
from services.runtime.rpc import Page, from_cents, to_timestamp
from shop.orders.v1 import orders_pb2 as v1
from shop.orders.v2 import orders_pb2 as pb


def convert_place(request: pb.PlaceOrderRequest) -> v1.PlaceOrderRequest:
    """Return the equal request of the first version. An order to pick up has no shipping address there."""
    address = request.shipping_address
    return v1.PlaceOrderRequest(
        request_id=request.request_id,
        customer=request.customer,
        items=[v1.PlaceOrderItem(product=item.product, quantity=item.quantity) for item in request.items],
        payment_token=request.payment_token,
        shipping_address=v1.ShippingAddress(
            recipient=address.recipient,
            lines=address.lines,
            locality=address.locality,
            postal_code=address.postal_code,
            region_code=address.region_code,
        )
        if request.HasField("shipping_address")
        else None,
    )


def convert_cancel(request: pb.CancelOrderRequest) -> v1.CancelOrderRequest:
    """Return the equal request of the first version."""
    return v1.CancelOrderRequest(request_id=request.request_id, name=request.name)


def convert_watch(request: pb.WatchOrderRequest) -> v1.WatchOrderRequest:
    """Return the equal request of the first version."""
    return v1.WatchOrderRequest(name=request.name, resume_token=request.resume_token)


def convert_list(request: pb.ListOrdersRequest) -> v1.ListOrdersRequest:
    """Return the equal request of the first version."""
    return v1.ListOrdersRequest(customer=request.customer, page_size=request.page_size, page_token=request.page_token)


def write_order(order: Order) -> pb.Order:
    """Return the message of an order."""
    return pb.Order(
        name=f"orders/{order.id}",
        customer=f"customers/{order.customer}",
        state=pb.Order.State.Value(f"STATE_{order.state.value}"),
        items=[_write_item(item, order.currency) for item in order.items],
        costs=pb.Order.Costs(
            items=from_cents(order.total_cents - order.shipping_cents, order.currency),
            shipping=from_cents(order.shipping_cents, order.currency),
            total=from_cents(order.total_cents, order.currency),
        ),
        rejection=_write_rejection(order.rejection) if order.rejection else None,
        shipment=order.progress.shipment or "",
        create_time=to_timestamp(order.create_time),
        update_time=to_timestamp(order.update_time),
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


def _write_rejection(rejection: Rejection) -> pb.Order.Rejection:
    return pb.Order.Rejection(
        reason=pb.Order.Rejection.Reason.Value(f"REASON_{rejection.reason.value}"), message=rejection.message
    )
