"""shipping through its generated client: a quoted shipment is booked once, and invalid requests change nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import grpc
import pytest
from google.type import money_pb2

from shop.shipping.v1 import shipping_pb2 as pb
from shop.shipping.v1 import shipping_pb2_grpc
from tests.support.databases import query
from tests.support.errors import refused
from tests.support.processes import Process

Stub = shipping_pb2_grpc.ShippingServiceStub
AsyncStub: TypeAlias = "shipping_pb2_grpc.ShippingServiceAsyncStub"
BOOKED, CANCELLED = pb.Shipment.STATE_BOOKED, pb.Shipment.STATE_CANCELLED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
BERLIN = pb.Address(
    recipient="Ada Lovelace",
    lines=["Unter den Linden 1", "2. Hof"],
    locality="Berlin",
    postal_code="10117",
    region_code="DE",
)
PRICE = money_pb2.Money(currency_code="EUR", units=4, nanos=900_000_000)


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("shipping")


@pytest.fixture
async def shipping(process: Process) -> AsyncIterator[AsyncStub]:
    async with process.channel() as channel:
        yield Stub(channel)


def new_id() -> str:
    return str(uuid.uuid4())


def address(**fields: object) -> pb.Address:
    """Build an address in Berlin with some fields changed."""
    berlin = {field.name: getattr(BERLIN, field.name) for field in BERLIN.DESCRIPTOR.fields}
    return pb.Address(**{**berlin, **fields})


def booking(
    request_id: str | None = None,
    *,
    destination: pb.Address = BERLIN,
    pieces: int = 2,
    price: money_pb2.Money = PRICE,
    reference: str = "orders/1",
) -> pb.BookShipmentRequest:
    return pb.BookShipmentRequest(
        request_id=new_id() if request_id is None else request_id,
        destination=destination,
        pieces=pieces,
        price=price,
        reference=reference,
    )


async def quote(shipping: AsyncStub, region_code: str = "DE", pieces: int = 2, currency_code: str = "EUR") -> pb.Quote:
    request = pb.QuoteShippingRequest(region_code=region_code, pieces=pieces, currency_code=currency_code)
    return (await shipping.QuoteShipping(request)).quote


async def booked(shipping: AsyncStub) -> str:
    """Book a shipment and return its name."""
    return (await shipping.BookShipment(booking())).shipment.name


async def cancel(shipping: AsyncStub, name: str, request_id: str = "") -> pb.Shipment:
    request = pb.CancelShipmentRequest(request_id=request_id or new_id(), name=name)
    return (await shipping.CancelShipment(request)).shipment


async def get(shipping: AsyncStub, name: str) -> pb.Shipment:
    return (await shipping.GetShipment(pb.GetShipmentRequest(name=name))).shipment


def stored(process: Process) -> tuple[int, int]:
    """Return the numbers of shipments and of requests in the service's database."""
    counts = "SELECT (SELECT count(*) FROM shipments), (SELECT count(*) FROM requests)"
    [row] = query(process.database_url, counts)
    shipments, requests = (int(str(count)) for count in row)
    return shipments, requests


@pytest.mark.parametrize("currency", ["EUR", "GBP", "USD"])
@pytest.mark.parametrize(("region_code", "days"), [("DE", 3), ("FR", 5), ("US", 10)])
async def test_a_shipment_can_be_booked_at_the_quoted_price(
    shipping: AsyncStub, region_code: str, days: int, currency: str
) -> None:
    quoted = await quote(shipping, region_code, 21, currency)
    assert (quoted.price.currency_code, quoted.delivery_days) == (currency, days)
    destination = address(region_code=region_code)
    shipment = (await shipping.BookShipment(booking(destination=destination, pieces=21, price=quoted.price))).shipment
    assert (shipment.state, shipment.price, shipment.pieces, shipment.reference) == (
        BOOKED,
        quoted.price,
        21,
        "orders/1",
    )
    assert shipment.destination == destination
    assert await get(shipping, shipment.name) == shipment


async def test_more_parcels_cost_more(shipping: AsyncStub) -> None:
    assert (await quote(shipping, pieces=20)).price == PRICE
    assert (await quote(shipping, pieces=21)).price == money_pb2.Money(currency_code="EUR", units=9, nanos=800_000_000)


async def test_an_address_may_have_no_postal_code_and_any_script(shipping: AsyncStub) -> None:
    destination = address(recipient="Αδα", lines=["—"], locality="東京", postal_code="")
    shipment = (await shipping.BookShipment(booking(destination=destination))).shipment
    assert (await get(shipping, shipment.name)).destination == destination


async def test_cancelling_a_cancelled_shipment_changes_nothing(shipping: AsyncStub) -> None:
    name = await booked(shipping)
    cancelled = await cancel(shipping, name)
    assert (cancelled.state, cancelled.destination, cancelled.price) == (CANCELLED, BERLIN, PRICE)
    assert await cancel(shipping, name) == cancelled
    assert await get(shipping, name) == cancelled


@pytest.mark.parametrize(
    ("changes", "reason", "metadata"),
    [
        ({"destination": address(region_code="AQ")}, "REGION_NOT_SERVED", {"region_code": "AQ"}),
        ({"destination": address(postal_code="00000")}, "ADDRESS_UNDELIVERABLE", {}),
        ({"price": money_pb2.Money(currency_code="EUR", units=4)}, "PRICE_CHANGED", {}),
        ({"price": money_pb2.Money(currency_code="USD", units=4, nanos=900_000_000)}, "PRICE_CHANGED", {}),
        ({"pieces": 21}, "PRICE_CHANGED", {}),
    ],
    ids=["region", "address", "price", "currency", "pieces"],
)
async def test_a_failed_booking_says_why_stores_nothing_and_can_be_retried(
    process: Process, shipping: AsyncStub, changes: dict[str, object], reason: str, metadata: dict[str, str]
) -> None:
    request_id, before = new_id(), stored(process)
    error = await refused(shipping.BookShipment(booking(request_id, **changes)))  # type: ignore[arg-type]
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert (error.domain, error.metadata) == ("shipping.shop.example", metadata)
    assert BERLIN.recipient not in error.text
    assert stored(process) == before
    assert (await shipping.BookShipment(booking(request_id))).shipment.state == BOOKED


async def test_a_region_that_is_not_served_has_no_quote(shipping: AsyncStub) -> None:
    error = await refused(quote(shipping, "AQ"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REGION_NOT_SERVED")
    assert error.metadata == {"region_code": "AQ"}


async def test_sending_the_same_request_many_times_books_one_shipment(process: Process, shipping: AsyncStub) -> None:
    request, before = booking(), stored(process)
    replies = await asyncio.gather(*(shipping.BookShipment(request) for _ in range(50)))
    assert all(reply == replies[0] for reply in replies)
    assert stored(process) == (before[0] + 1, before[1] + 1)


async def test_a_request_id_cannot_be_used_for_another_request(shipping: AsyncStub) -> None:
    request_id = new_id()
    name = (await shipping.BookShipment(booking(request_id))).shipment.name
    for call in (
        shipping.BookShipment(booking(request_id, pieces=3)),
        shipping.BookShipment(booking(request_id, destination=address(locality="Potsdam"))),
        shipping.BookShipment(booking(request_id, reference="orders/2")),
        cancel(shipping, name, request_id),
    ):
        error = await refused(call)
        assert (error.code, error.reason, error.fields) == (INVALID, "REQUEST_ID_REUSED", ["request_id"])
    assert (await get(shipping, name)).state == BOOKED


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (("", 0, ""), ["region_code", "pieces", "currency_code"]),
        (("de", 1, "EUR"), ["region_code"]),
        (("DEU", 1, "EUR"), ["region_code"]),
        (("D\n", 1, "EUR"), ["region_code"]),
        (("DE", -1, "EUR"), ["pieces"]),
        (("DE", 50_001, "EUR"), ["pieces"]),
        (("DE", -(2**31), "EUR"), ["pieces"]),
        (("DE", 1, "JPY"), ["currency_code"]),
        (("DE", 1, "eur"), ["currency_code"]),
    ],
    ids=str,
)
async def test_the_error_names_each_invalid_field_of_a_quote(
    shipping: AsyncStub, arguments: tuple[str, int, str], fields: list[str]
) -> None:
    error = await refused(quote(shipping, *arguments))
    assert (error.code, error.reason, error.fields) == (INVALID, "INVALID_FIELDS", fields)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            pb.BookShipmentRequest(),
            ["request_id", "destination", "pieces", "price"],
        ),
        (
            booking(destination=pb.Address(), price=money_pb2.Money()),
            [
                "destination.recipient",
                "destination.lines",
                "destination.locality",
                "destination.region_code",
                "price.currency_code",
                "price.units",
            ],
        ),
        (booking(""), ["request_id"]),
        (booking("a b"), ["request_id"]),
        (booking("x" * 65), ["request_id"]),
        (booking(destination=address(recipient="")), ["destination.recipient"]),
        (booking(destination=address(recipient="r" * 101)), ["destination.recipient"]),
        (booking(destination=address(lines=[])), ["destination.lines"]),
        (booking(destination=address(lines=["1", "2", "3", "4"])), ["destination.lines"]),
        (booking(destination=address(lines=["1", ""])), ["destination.lines[1]"]),
        (booking(destination=address(lines=["l" * 101])), ["destination.lines[0]"]),
        (booking(destination=address(locality="")), ["destination.locality"]),
        (booking(destination=address(locality="l" * 101)), ["destination.locality"]),
        (booking(destination=address(postal_code="1" * 17)), ["destination.postal_code"]),
        (booking(destination=address(region_code="Germany")), ["destination.region_code"]),
        (booking(pieces=0), ["pieces"]),
        (booking(pieces=50_001), ["pieces"]),
        (booking(price=money_pb2.Money(currency_code="EUR")), ["price.units"]),
        (booking(price=money_pb2.Money(currency_code="EUR", units=-4)), ["price.units"]),
        (booking(price=money_pb2.Money(currency_code="EUR", units=4, nanos=1)), ["price.nanos"]),
        (booking(price=money_pb2.Money(currency_code="JPY", units=4)), ["price.currency_code"]),
        (booking(reference="r" * 129), ["reference"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_the_error_names_each_invalid_field_of_a_booking_and_nothing_is_stored(
    process: Process, shipping: AsyncStub, request_: pb.BookShipmentRequest, fields: list[str]
) -> None:
    before = stored(process)
    error = await refused(shipping.BookShipment(request_))
    assert (error.code, error.reason, error.fields) == (INVALID, "INVALID_FIELDS", fields)
    assert stored(process) == before


@pytest.mark.parametrize("name", ["", "shipments/", "orders/1", "shipments/A", "shipments/a/b"])
async def test_every_method_checks_the_name_of_a_shipment(process: Process, shipping: AsyncStub, name: str) -> None:
    before = stored(process)
    for call, fields in (
        (shipping.GetShipment(pb.GetShipmentRequest(name=name)), ["name"]),
        (shipping.CancelShipment(pb.CancelShipmentRequest(name=name)), ["request_id", "name"]),
    ):
        error = await refused(call)
        assert (error.code, error.fields) == (INVALID, fields)
    assert stored(process) == before


@pytest.mark.parametrize("call", [get, cancel], ids=["get", "cancel"])
async def test_a_shipment_that_does_not_exist_is_not_found(
    shipping: AsyncStub, call: Callable[[AsyncStub, str], Awaitable[pb.Shipment]]
) -> None:
    error = await refused(call(shipping, f"shipments/{new_id()}"))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "SHIPMENT_NOT_FOUND")
