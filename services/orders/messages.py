"""Between the contract's messages and the domain: requests are read, replies are written."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from google.protobuf.message import Message
from google.rpc import error_details_pb2

from services.orders.domain import (
    SHOP,
    Caller,
    Cart,
    Destination,
    MixedCurrenciesError,
    Order,
    Parking,
    RegionNotServedError,
    State,
    TotalTooLargeError,
    UnknownProductsError,
    Wanted,
    Wish,
)
from services.runtime.rpc import (
    InvalidFieldsError,
    Page,
    Violation,
    bad_request,
    from_cents,
    parse_resource_name,
    read_page,
    resource_id,
    to_timestamp,
)
from shop.orders.v1 import orders_pb2 as pb

# The id that stands for every one of a collection, as AIP-159 has it; no customer's.
EVERYBODY = "-"
DIGITS = 16
RESUME_TOKEN = re.compile(rf"(?P<order>[^:]+):[0-9a-f]{{{DIGITS}}}")

Told = TypeVar("Told", bound=Message)
Asked = TypeVar("Asked", pb.PlaceOrderRequest, pb.ListOrdersRequest)


def read_caller(user: str | None) -> Caller:
    """Answer who asks: a user is the customer of the same id. Raises ForeignNameError if that is no user."""
    return SHOP if user is None else Caller(parse_resource_name(user, "users"))


def meant(request: Asked, caller: Caller) -> Asked:
    """Answer the request with the customer whom its caller means. Raises NotYourCustomerError."""
    request.customer = f"customers/{caller.meant(resource_id(request.customer))}"
    return request


def read_cart(request: pb.PlaceOrderRequest) -> Cart:
    """Answer what is to be ordered."""
    return Cart(
        customer=resource_id(request.customer),
        wishes=tuple(Wish(resource_id(item.product), item.quantity) for item in request.items),
        payment_token=request.payment_token,
        destination=_read_destination(request.shipping_address) if request.HasField("shipping_address") else None,
    )


def read_watch(request: pb.WatchOrderRequest) -> str:
    """Answer the order to watch. Raises InvalidFieldsError."""
    order_id, resume_token = resource_id(request.name), request.resume_token
    token = RESUME_TOKEN.fullmatch(resume_token)
    if resume_token and (token is None or token["order"] != order_id):
        description = "must be the resume_token of another response for the same order"
        raise InvalidFieldsError([Violation("resume_token", description)])
    return order_id


async def write_changes(
    orders: AsyncIterator[Order], write: Callable[[Order], Told], seen: str
) -> AsyncIterator[tuple[Told, str]]:
    """Answer the message of each change that can be seen, and was not `seen` yet, and the resume_token up to there.

    The token is a digest of what was told: not every revision of an order tells something new. What the other version
    of the contract has told looks like something else, and is told again.
    """
    async for order in orders:
        message = write(order)
        digest = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
        token = f"{order.id}:{digest[:DIGITS]}"
        if token != seen:
            yield message, token
        seen = token


def read_list(request: pb.ListOrdersRequest) -> tuple[Wanted, Page]:
    """Answer which orders are asked for, and which page of them. Raises InvalidFieldsError."""
    customer = resource_id(request.customer)
    page = read_page(request, f"orders?customer={customer}" + ("&parked" if request.parked_only else ""))
    return Wanted("" if customer == EVERYBODY else customer, request.parked_only), page


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
        total=from_cents(order.total_cents, order.currency),
        rejection_reason=pb.Order.RejectionReason.Value(
            f"REJECTION_REASON_{rejection.reason.value if rejection else 'UNSPECIFIED'}"
        ),
        rejection_message=rejection.message if rejection else "",
        shipping_price=from_cents(order.shipping_cents, order.currency) if order.shipping_cents else None,
        shipment=order.shipment or "",
        create_time=to_timestamp(order.create_time),
        update_time=to_timestamp(order.update_time),
        parking=_write_parking(order.parking) if order.parking else None,
    )


def write_unknown_products(error: UnknownProductsError) -> list[error_details_pb2.BadRequest]:
    """Make the details that name every item whose product is unknown or discontinued."""
    return [bad_request(Violation(f"items[{place}].product", "is not for sale") for place in error.positions)]


def write_unfit_items(error: MixedCurrenciesError | TotalTooLargeError) -> list[error_details_pb2.BadRequest]:
    """Make the details of items that cannot be one order together."""
    return [bad_request([Violation("items", str(error))])]


def write_unserved_region(error: RegionNotServedError) -> list[error_details_pb2.BadRequest]:
    """Make the details of an address that nothing is shipped to."""
    return [bad_request([Violation("shipping_address.region_code", str(error))])]


def _write_parking(parking: Parking) -> pb.Order.Parking:
    return pb.Order.Parking(
        park_time=to_timestamp(parking.time),
        call=pb.Order.Parking.Call.Value(f"CALL_{parking.call.value}"),
        reason=pb.Order.Parking.Reason.Value(f"REASON_{parking.reason.value}"),
    )


def _read_destination(message: pb.ShippingAddress) -> Destination:
    return Destination(
        recipient=message.recipient,
        lines=tuple(message.lines),
        locality=message.locality,
        postal_code=message.postal_code,
        region_code=message.region_code,
    )
