"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

import hashlib
import re
from collections.abc import AsyncIterator

from google.rpc import error_details_pb2

from services.orders.domain import (
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
from services.runtime import Check
from services.runtime.errors import bad_request
from services.runtime.instants import timestamp
from services.runtime.money import from_cents
from services.runtime.paging import Page, read_page
from services.runtime.validation import Violation
from shop.orders.v1 import orders_pb2 as pb

MOST_ITEMS = 50
MOST_PIECES = 1000
LONGEST_TOKEN = 128
MOST_LINES = 3
LONGEST_LINE = 100
LONGEST_POSTAL_CODE = 16
REGION_CODE = re.compile(r"[A-Z]{2}")
# The id that stands for every one of a collection, as AIP-159 has it; no customer's.
EVERYBODY = "-"
DIGITS = 16
RESUME_TOKEN = re.compile(rf"(?P<order>[^:]+):[0-9a-f]{{{DIGITS}}}")
CUSTOMER_ID = re.compile(r"[A-Za-z0-9\-_.]{1,64}")


def read_cart(request: pb.PlaceOrderRequest) -> Cart:
    """Answer what is to be ordered. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        customer = check.resource("customer", request.customer, "customers", CUSTOMER_ID)
        check.that("items", f"must have 1 to {MOST_ITEMS} items", holds=1 <= len(request.items) <= MOST_ITEMS)
        wishes: dict[str, Wish] = {}
        for position, item in enumerate(request.items):
            field = f"items[{position}]"
            product = check.resource(f"{field}.product", item.product, "products")
            quantity = check.integer(f"{field}.quantity", item.quantity, least=1, most=MOST_PIECES)
            alone = not product or product not in wishes
            check.that(f"{field}.product", "must stand in one item alone", holds=alone)
            wishes[product] = Wish(product, quantity)
        token = check.text("payment_token", request.payment_token, longest=LONGEST_TOKEN)
        shipped = request.HasField("shipping_address")
        destination = _read_destination(request.shipping_address, check) if shipped else None
    return Cart(customer, tuple(wishes.values()), token, destination)


def read_name(request: pb.GetOrderRequest) -> str:
    """Answer the order that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "orders")


def read_change(request: pb.CancelOrderRequest | pb.ResumeOrderRequest) -> str:
    """Answer the order that is to be cancelled or resumed. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return check.resource("name", request.name, "orders")


def read_watch(request: pb.WatchOrderRequest) -> str:
    """Answer the order to watch. Raises InvalidFieldsError."""
    with Check() as check:
        order_id = check.resource("name", request.name, "orders")
        token = RESUME_TOKEN.fullmatch(request.resume_token)
        fits = not request.resume_token or (token is not None and token["order"] == order_id)
        check.that("resume_token", "must be the resume_token of another response for the same order", holds=fits)
    return order_id


async def write_changes(orders: AsyncIterator[Order], seen: str) -> AsyncIterator[pb.WatchOrderResponse]:
    """Make a response of each change that can be seen, and was not `seen` yet: the resume_token tells up to where.

    The token is a digest of what was told: not every revision of an order tells something new.
    """
    async for order in orders:
        message = write_order(order)
        digest = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
        token = f"{order.id}:{digest[:DIGITS]}"
        if token != seen:
            yield pb.WatchOrderResponse(order=message, resume_token=token)
        seen = token


def read_list(request: pb.ListOrdersRequest) -> tuple[Wanted, Page]:
    """Answer which orders are asked for, and which page of them. Raises InvalidFieldsError."""
    with Check() as check:
        customer = check.resource("customer", request.customer, "customers", CUSTOMER_ID)
        query = f"orders?customer={customer}" + ("&parked" if request.parked_only else "")
        page = read_page(check, request.page_size, request.page_token, query)
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
        create_time=timestamp(order.create_time),
        update_time=timestamp(order.update_time),
        parking=_write_parking(order.parking) if order.parking else None,
    )


def write_unknown_products(error: UnknownProductsError) -> list[error_details_pb2.BadRequest]:
    """Make the details that name every item whose product is unknown."""
    return [bad_request(Violation(f"items[{place}].product", "is not in the catalog") for place in error.positions)]


def write_unfit_items(error: MixedCurrenciesError | TotalTooLargeError) -> list[error_details_pb2.BadRequest]:
    """Make the details of items that cannot be one order together."""
    return [bad_request([Violation("items", str(error))])]


def write_unserved_region(error: RegionNotServedError) -> list[error_details_pb2.BadRequest]:
    """Make the details of an address that nothing is shipped to."""
    return [bad_request([Violation("shipping_address.region_code", str(error))])]


def _write_parking(parking: Parking) -> pb.Order.Parking:
    return pb.Order.Parking(
        park_time=timestamp(parking.time),
        call=pb.Order.Parking.Call.Value(f"CALL_{parking.call.value}"),
        reason=pb.Order.Parking.Reason.Value(f"REASON_{parking.reason.value}"),
    )


def _read_destination(message: pb.ShippingAddress, check: Check) -> Destination:
    # The bounds are those of shipping's own contract: what passes here is not refused there as malformed.
    field, lines = "shipping_address", tuple(message.lines)
    check.that(f"{field}.lines", f"must have 1 to {MOST_LINES} lines", holds=1 <= len(lines) <= MOST_LINES)
    for position, line in enumerate(lines):
        check.text(f"{field}.lines[{position}]", line, longest=LONGEST_LINE)
    two_letters = bool(REGION_CODE.fullmatch(message.region_code))
    check.that(f"{field}.region_code", "must be two capital letters", holds=two_letters)
    return Destination(
        recipient=check.text(f"{field}.recipient", message.recipient, longest=LONGEST_LINE),
        lines=lines,
        locality=check.text(f"{field}.locality", message.locality, longest=LONGEST_LINE),
        postal_code=check.text(f"{field}.postal_code", message.postal_code, shortest=0, longest=LONGEST_POSTAL_CODE),
        region_code=message.region_code,
    )
