"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

from collections.abc import Sequence

from google.rpc import error_details_pb2

from services.inventory.domain import Demand, InsufficientStockError, Line, Reservation, Stock
from services.runtime import Check
from services.runtime.instants import timestamp
from services.runtime.paging import Page, read_page
from shop.inventory.v1 import inventory_pb2 as pb

MOST_LINES = 50
MOST_PIECES = 1000
MOST_RECEIVED_AT_ONCE = 1_000_000
LONGEST_REFERENCE = 128


def read_stock_name(request: pb.GetStockRequest) -> str:
    """Answer the product whose stock is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "stocks")


def read_reservation_name(request: pb.GetReservationRequest) -> str:
    """Answer the reservation that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "reservations")


def read_settling(
    request: pb.CommitReservationRequest | pb.ReleaseReservationRequest | pb.ReturnReservationRequest,
) -> str:
    """Answer the reservation that is to be settled. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return check.resource("name", request.name, "reservations")


def read_page_of(
    collection: str, request: pb.ListStocksRequest | pb.ListReservationsRequest | pb.ListDemandsRequest
) -> Page:
    """Answer the page of a collection that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return read_page(check, request.page_size, request.page_token, collection)


def read_receipt(request: pb.ReceiveStockRequest) -> tuple[str, int]:
    """Answer the product and how many pieces of it come in. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        product = check.resource("name", request.name, "stocks")
        pieces = check.integer("pieces", request.pieces, least=1, most=MOST_RECEIVED_AT_ONCE)
    return product, pieces


def read_reserving(request: pb.ReserveStockRequest) -> tuple[list[Line], str]:
    """Answer what is to be held back, and what for. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        check.that("lines", f"must have 1 to {MOST_LINES} lines", holds=1 <= len(request.lines) <= MOST_LINES)
        lines: dict[str, Line] = {}
        for position, line in enumerate(request.lines):
            field = f"lines[{position}]"
            product = check.resource(f"{field}.product", line.product, "products")
            quantity = check.integer(f"{field}.quantity", line.quantity, least=1, most=MOST_PIECES)
            check.that(f"{field}.product", "must stand in one line alone", holds=product not in lines)
            lines[product] = Line(product, quantity)
        reference = check.text("reference", request.reference, shortest=0, longest=LONGEST_REFERENCE)
    return list(lines.values()), reference


def write_stock(stock: Stock) -> pb.Stock:
    """Make the message of a stock."""
    return pb.Stock(
        name=f"stocks/{stock.product}",
        product=f"products/{stock.product}",
        available=stock.available,
        reserved=stock.reserved,
        received=stock.received,
        sold=stock.sold,
    )


def write_demand(demand: Demand) -> pb.Demand:
    """Make the message of a demand."""
    return pb.Demand(
        name=f"demands/{demand.product}",
        product=f"products/{demand.product}",
        asked=demand.asked,
        sold=demand.sold,
        missed=demand.missed,
        event_time=timestamp(demand.event_time),
    )


def write_reservation(reservation: Reservation) -> pb.Reservation:
    """Make the message of a reservation."""
    return pb.Reservation(
        name=f"reservations/{reservation.id}",
        state=pb.Reservation.State.Value(f"STATE_{reservation.state.value}"),
        lines=[
            pb.ReservationLine(product=f"products/{line.product}", quantity=line.quantity) for line in reservation.lines
        ],
        create_time=timestamp(reservation.create_time),
        update_time=timestamp(reservation.update_time),
        reference=reservation.reference,
    )


def write_shortages(error: InsufficientStockError) -> Sequence[error_details_pb2.PreconditionFailure]:
    """Make the details that name every line that lacks stock."""
    return [
        error_details_pb2.PreconditionFailure(
            violations=[
                error_details_pb2.PreconditionFailure.Violation(
                    type="STOCK",
                    subject=f"products/{shortage.product}",
                    description=f"{shortage.wanted} wanted, {shortage.available} available",
                )
                for shortage in error.shortages
            ]
        )
    ]
