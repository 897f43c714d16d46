"""Between the second version's messages and the domain.

Requests are read as those of the first version that ask for the same. In that form they are remembered too, whichever
version they came by: what a process of before the second version has remembered stays known, and it knows what is
remembered here. So whatever the second version alone can ask for has to have its place in that form as well.
"""

from services.orders.domain import Order, Rejection, State
from services.runtime.rpc import from_cents, to_timestamp
from shop.orders.v1 import orders_pb2 as v1
from shop.orders.v2 import orders_pb2 as pb


def read_placing(request: pb.PlaceOrderRequest) -> v1.PlaceOrderRequest:
    """Answer the first version's request for the same order: one that is picked up has no address there."""
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


def read_cancelling(request: pb.CancelOrderRequest) -> v1.CancelOrderRequest:
    """Answer the first version's request to undo the same order."""
    return v1.CancelOrderRequest(request_id=request.request_id, name=request.name)


def read_watching(request: pb.WatchOrderRequest) -> v1.WatchOrderRequest:
    """Answer the first version's request to watch the same order."""
    return v1.WatchOrderRequest(name=request.name, resume_token=request.resume_token)


def read_listing(request: pb.ListOrdersRequest) -> v1.ListOrdersRequest:
    """Answer the first version's request for the same page."""
    return v1.ListOrdersRequest(customer=request.customer, page_size=request.page_size, page_token=request.page_token)


def write_order(order: Order) -> pb.Order:
    """Make the message of an order. Why it is being given up is told once it has ended."""
    rejection = order.rejection if order.state is State.REJECTED else None
    return pb.Order(
        name=f"orders/{order.id}",
        customer=f"customers/{order.customer}",
        state=pb.Order.State.Value(f"STATE_{order.state.value}"),
        items=[
            pb.OrderItem(
                product=f"products/{item.product}",
                display_name=item.display_name,
                quantity=item.quantity,
                unit_price=from_cents(item.unit_price_cents, order.currency),
            )
            for item in order.items
        ],
        costs=pb.Order.Costs(
            items=from_cents(order.total_cents - order.shipping_cents, order.currency),
            shipping=from_cents(order.shipping_cents, order.currency),
            total=from_cents(order.total_cents, order.currency),
        ),
        rejection=_write_rejection(rejection) if rejection else None,
        shipment=order.shipment or "",
        create_time=to_timestamp(order.create_time),
        update_time=to_timestamp(order.update_time),
    )


def _write_rejection(rejection: Rejection) -> pb.Order.Rejection:
    return pb.Order.Rejection(
        reason=pb.Order.Rejection.Reason.Value(f"REASON_{rejection.reason.value}"), message=rejection.message
    )
