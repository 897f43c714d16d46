"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Sequence

from services.runtime.rpc import Page, from_cents, to_cents, to_timestamp
from services.shipping.domain import Address, Booking, Quote, Shipment
from shop.shipping.v1 import shipping_pb2 as pb


def read_booking(request: pb.BookShipmentRequest) -> Booking:
    """Convert a request to a booking."""
    address = request.destination
    return Booking(
        destination=Address(
            address.recipient, tuple(address.lines), address.locality, address.postal_code, address.region_code
        ),
        pieces=request.pieces,
        cents=to_cents(request.price),
        currency=request.price.currency_code,
        reference=request.reference,
    )


def write_quote(quote: Quote, currency: str) -> pb.Quote:
    """Convert a quote to its message."""
    return pb.Quote(price=from_cents(quote.cents, currency), delivery_days=quote.delivery_days)


def write_shipment(shipment: Shipment) -> pb.Shipment:
    """Convert a shipment to its message."""
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
        create_time=to_timestamp(shipment.create_time),
        update_time=to_timestamp(shipment.update_time),
    )


def write_list(shipments: Sequence[Shipment], page: Page) -> pb.ListShipmentsResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(shipments, key=lambda shipment: shipment.id, write=write_shipment)
    return pb.ListShipmentsResponse(shipments=messages, next_page_token=token)
