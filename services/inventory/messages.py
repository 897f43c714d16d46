"""Between the contract's messages and the domain: requests are read, replies are written."""

from collections.abc import Sequence

from google.rpc import error_details_pb2

from services.inventory.domain import Demand, InsufficientStockError, Line, Reservation, Stock
from services.runtime.rpc import resource_id, to_timestamp
from shop.inventory.v1 import inventory_pb2 as pb


def read_lines(request: pb.ReserveStockRequest) -> list[Line]:
    """Answer what is to be held back."""
    return [Line(resource_id(line.product), line.quantity) for line in request.lines]


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
        event_time=to_timestamp(demand.event_time),
    )


def write_reservation(reservation: Reservation) -> pb.Reservation:
    """Make the message of a reservation."""
    return pb.Reservation(
        name=f"reservations/{reservation.id}",
        state=pb.Reservation.State.Value(f"STATE_{reservation.state.value}"),
        lines=[
            pb.ReservationLine(product=f"products/{line.product}", quantity=line.quantity) for line in reservation.lines
        ],
        create_time=to_timestamp(reservation.create_time),
        update_time=to_timestamp(reservation.update_time),
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
