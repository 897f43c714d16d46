"""Reads requests into domain values, for both versions of the contract.

A request is read, and its digest computed, in one form: the message of v1, with the customer that the caller means. The
servicer of v2 converts its requests to that form first. So a request is recognized when it comes again, through either
version and any release. Each new request field of v2 therefore needs a field in the v1 message.
"""

from typing import TypeVar

from services.orders.domain import INTERNAL, Caller, Cart, Destination, OrderFilter, OrderLine
from services.orders.resume_tokens import check_resume_token
from services.runtime.rpc import Page, parse_resource_name, principal, read_page, resource_id
from shop.orders.v1 import orders_pb2 as pb

# The collection id that stands for all customers (AIP-159). No customer has it.
ALL_CUSTOMERS = "-"

RequestT = TypeVar("RequestT", pb.PlaceOrderRequest, pb.ListOrdersRequest)


def read_caller() -> Caller:
    """Return who calls. A user is the customer of the same id.

    Raises InvalidResourceNameError if the principal is not a user.
    """
    user = principal()
    return INTERNAL if user is None else Caller(parse_resource_name(user, "users"))


def resolve_customer(request: RequestT) -> RequestT:
    """Set and return the request with the customer that its caller means. Raises NotYourCustomerError."""
    request.customer = f"customers/{read_caller().resolve(resource_id(request.customer))}"
    return request


def read_cart(request: pb.PlaceOrderRequest) -> Cart:
    """Return what the request orders."""
    return Cart(
        customer=resource_id(request.customer),
        lines=tuple(OrderLine(resource_id(item.product), item.quantity) for item in request.items),
        payment_token=request.payment_token,
        destination=_read_destination(request.shipping_address) if request.HasField("shipping_address") else None,
    )


def read_watch(request: pb.WatchOrderRequest) -> str:
    """Return the id of the order to watch. Raises InvalidFieldsError."""
    order_id = resource_id(request.name)
    check_resume_token(request.resume_token, order_id)
    return order_id


def read_list(request: pb.ListOrdersRequest) -> tuple[OrderFilter, Page]:
    """Return which orders to list, and which page of them. Raises InvalidFieldsError."""
    customer = resource_id(request.customer)
    page = read_page(request, f"orders?customer={customer}" + ("&parked" if request.parked_only else ""))
    return OrderFilter("" if customer == ALL_CUSTOMERS else customer, request.parked_only), page


def _read_destination(message: pb.ShippingAddress) -> Destination:
    return Destination(
        recipient=message.recipient,
        lines=tuple(message.lines),
        locality=message.locality,
        postal_code=message.postal_code,
        region_code=message.region_code,
    )
