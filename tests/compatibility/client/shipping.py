"""Checks shipping: quote, book and cancel a shipment."""

import grpc.aio
from google.type.money_pb2 import Money

from shop.shipping.v1 import shipping_pb2 as pb
from shop.shipping.v1 import shipping_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, new_id, status_of
from tests.support.errors import refused

BERLIN = pb.Address(recipient="Ada", lines=["Linden 1"], locality="Berlin", postal_code="10117", region_code="DE")
PRICE = Money(currency_code="EUR", units=4, nanos=900_000_000)


async def check(channel: grpc.aio.Channel) -> None:
    """Call every method, and check the responses."""
    stub = shipping_pb2_grpc.ShippingServiceStub(channel)
    quoting = pb.QuoteShippingRequest(region_code="DE", pieces=2, currency_code="EUR")
    quote = (await stub.QuoteShipping(quoting)).quote
    assert quote.price == PRICE
    assert quote.delivery_days > 0
    request = pb.BookShipmentRequest(
        request_id=new_id(), destination=BERLIN, pieces=2, price=quote.price, reference="orders/1"
    )
    booked = (await stub.BookShipment(request)).shipment
    assert (booked.state, booked.destination, booked.price) == (pb.Shipment.STATE_BOOKED, BERLIN, PRICE)
    assert (booked.pieces, booked.reference) == (2, "orders/1")
    assert (await stub.BookShipment(request)).shipment == booked
    assert list((await stub.ListShipments(pb.ListShipmentsRequest(page_size=1))).shipments) == [booked]
    cancelling = pb.CancelShipmentRequest(request_id=new_id(), name=booked.name)
    cancelled = (await stub.CancelShipment(cancelling)).shipment
    assert cancelled.state == pb.Shipment.STATE_CANCELLED
    assert (await stub.GetShipment(pb.GetShipmentRequest(name=booked.name))).shipment == cancelled
    quoting.region_code = "AQ"
    error = await refused(stub.QuoteShipping(quoting))
    assert status_of(error) == (PRECONDITION, "REGION_NOT_SERVED")
