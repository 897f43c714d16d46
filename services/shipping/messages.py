"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

import re

from services.runtime import Check
from services.runtime.instants import timestamp
from services.runtime.money import CURRENCIES, from_cents
from services.runtime.paging import Page, read_page
from services.shipping.domain import Address, Booking, Quote, Shipment
from shop.shipping.v1 import shipping_pb2 as pb

MOST_PIECES = 50_000
MOST_UNITS = 1_000_000
MOST_LINES = 3
LONGEST_LINE = 100
LONGEST_POSTAL_CODE = 16
LONGEST_REFERENCE = 128
REGION_CODE = re.compile(r"[A-Z]{2}")


def read_quoting(request: pb.QuoteShippingRequest) -> tuple[str, int, str]:
    """Answer region, pieces and currency of what is to be quoted. Raises InvalidFieldsError."""
    with Check() as check:
        region_code = _read_region("region_code", request.region_code, check)
        pieces = check.integer("pieces", request.pieces, least=1, most=MOST_PIECES)
        taken = request.currency_code in CURRENCIES
        check.that("currency_code", f"must be one of {', '.join(sorted(CURRENCIES))}", holds=taken)
    return region_code, pieces, request.currency_code


def read_booking(request: pb.BookShipmentRequest) -> Booking:
    """Answer what is to be booked. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return Booking(
            destination=_read_address(request.destination, check),
            pieces=check.integer("pieces", request.pieces, least=1, most=MOST_PIECES),
            cents=check.amount("price", request.price, most_units=MOST_UNITS),
            currency=request.price.currency_code,
            reference=check.text("reference", request.reference, shortest=0, longest=LONGEST_REFERENCE),
        )


def read_cancelling(request: pb.CancelShipmentRequest) -> str:
    """Answer the shipment that is to be cancelled. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return check.resource("name", request.name, "shipments")


def read_shipment_name(request: pb.GetShipmentRequest) -> str:
    """Answer the shipment that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "shipments")


def read_list(request: pb.ListShipmentsRequest) -> Page:
    """Answer the page that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return read_page(check, request.page_size, request.page_token, "shipments")


def write_quote(quote: Quote, currency: str) -> pb.Quote:
    """Make the message of a quote."""
    return pb.Quote(price=from_cents(quote.cents, currency), delivery_days=quote.delivery_days)


def write_shipment(shipment: Shipment) -> pb.Shipment:
    """Make the message of a shipment."""
    booking = shipment.booking
    return pb.Shipment(
        name=f"shipments/{shipment.id}",
        state=pb.Shipment.State.Value(f"STATE_{shipment.state.value}"),
        destination=pb.Address(
            recipient=booking.destination.recipient,
            lines=booking.destination.lines,
            locality=booking.destination.locality,
            postal_code=booking.destination.postal_code,
            region_code=booking.destination.region_code,
        ),
        pieces=booking.pieces,
        price=from_cents(booking.cents, booking.currency),
        reference=booking.reference,
        create_time=timestamp(shipment.create_time),
        update_time=timestamp(shipment.update_time),
    )


def _read_address(message: pb.Address, check: Check) -> Address:
    lines = tuple(message.lines)
    check.that("destination.lines", f"must have 1 to {MOST_LINES} lines", holds=1 <= len(lines) <= MOST_LINES)
    for position, line in enumerate(lines):
        check.text(f"destination.lines[{position}]", line, longest=LONGEST_LINE)
    return Address(
        recipient=check.text("destination.recipient", message.recipient, longest=LONGEST_LINE),
        lines=lines,
        locality=check.text("destination.locality", message.locality, longest=LONGEST_LINE),
        postal_code=check.text("destination.postal_code", message.postal_code, shortest=0, longest=LONGEST_POSTAL_CODE),
        region_code=_read_region("destination.region_code", message.region_code, check),
    )


def _read_region(field: str, value: str, check: Check) -> str:
    check.that(field, "must be two capital letters", holds=bool(REGION_CODE.fullmatch(value)))
    return value
