"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Sequence

from google.rpc import error_details_pb2

from services.inventory.domain import Demand, InsufficientStockError, Reservation, ReservationLine, Stock
from services.runtime.rpc import Page, resource_id, to_timestamp
from shop.inventory.v1 import inventory_pb2 as pb


def read_lines(request: pb.ReserveStockRequest) -> list[ReservationLine]:
    """Convert the lines of a request."""
    return [ReservationLine(resource_id(line.product), line.quantity) for line in request.lines]


def write_stock(stock: Stock) -> pb.Stock:
    """Convert a stock to its message."""
    return pb.Stock(
        name=f"stocks/{stock.product}",
        product=f"products/{stock.product}",
        available=stock.available,
        reserved=stock.reserved,
        received=stock.received,
        sold=stock.sold,
    )


def write_stock_list(stocks: Sequence[Stock], page: Page) -> pb.ListStocksResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(stocks, key=lambda stock: stock.product, write=write_stock)
    return pb.ListStocksResponse(stocks=messages, next_page_token=token)


def write_demand(demand: Demand) -> pb.Demand:
    """Convert a demand to its message."""
    return pb.Demand(
        name=f"demands/{demand.product}",
        product=f"products/{demand.product}",
        asked=demand.asked,
        sold=demand.sold,
        missed=demand.missed,
        event_time=to_timestamp(demand.event_time),
    )


def write_demand_list(demands: Sequence[Demand], page: Page) -> pb.ListDemandsResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(demands, key=lambda demand: demand.product, write=write_demand)
    return pb.ListDemandsResponse(demands=messages, next_page_token=token)


def write_reservation(reservation: Reservation) -> pb.Reservation:
    """Convert a reservation to its message."""
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


def write_reservation_list(reservations: Sequence[Reservation], page: Page) -> pb.ListReservationsResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(reservations, key=lambda reservation: reservation.id, write=write_reservation)
    return pb.ListReservationsResponse(reservations=messages, next_page_token=token)


def write_shortages(error: InsufficientStockError) -> Sequence[error_details_pb2.PreconditionFailure]:
    """Build the error details: one violation for each product that lacks stock."""
    return [
        error_details_pb2.PreconditionFailure(
            violations=[
                error_details_pb2.PreconditionFailure.Violation(
                    type="STOCK",
                    subject=f"products/{shortage.product}",
                    description=f"{shortage.requested} requested, {shortage.available} available",
                )
                for shortage in error.shortages
            ]
        )
    ]
