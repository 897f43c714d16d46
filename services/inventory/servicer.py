"""The gRPC methods of inventory, and the status of each error."""

from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.inventory import domain, messages
from services.inventory.handlers import Demands, Reservations, Stocks
from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from shop.inventory.v1 import inventory_pb2 as pb
from shop.inventory.v1 import inventory_pb2_grpc

ERRORS = ErrorTable(
    "inventory.shop.example",
    {
        domain.StockNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "STOCK_NOT_FOUND"),
        domain.StockTooLargeError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "STOCK_TOO_LARGE"),
        domain.ReservationNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND"),
        domain.ReservationStateError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_WRONG_STATE"),
        domain.InsufficientStockError: ErrorStatus(
            grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", messages.write_shortages
        ),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class InventoryServicer(inventory_pb2_grpc.InventoryServiceServicer):
    """Implements shop.inventory.v1.InventoryService."""

    def __init__(self, stocks: Stocks[pb.Stock], reservations: Reservations[pb.Reservation], demands: Demands) -> None:
        self._stocks = stocks
        self._reservations = reservations
        self._demands = demands

    @override
    async def GetStock(self, request: pb.GetStockRequest, context: Context) -> pb.GetStockResponse:
        stock = await self._stocks.get(resource_id(request.name))
        return pb.GetStockResponse(stock=messages.write_stock(stock))

    @override
    async def ListStocks(self, request: pb.ListStocksRequest, context: Context) -> pb.ListStocksResponse:
        page = read_page(request, "stocks")
        stocks = await self._stocks.list(page.after, page.limit)
        return messages.write_stock_list(stocks, page)

    @override
    async def ReceiveStock(self, request: pb.ReceiveStockRequest, context: Context) -> pb.ReceiveStockResponse:
        stock = await self._stocks.receive(request_key(request), resource_id(request.name), request.pieces)
        return pb.ReceiveStockResponse(stock=stock)

    @override
    async def ListDemands(self, request: pb.ListDemandsRequest, context: Context) -> pb.ListDemandsResponse:
        page = read_page(request, "demands")
        demands = await self._demands.list(page.after, page.limit)
        return messages.write_demand_list(demands, page)

    @override
    async def GetReservation(self, request: pb.GetReservationRequest, context: Context) -> pb.GetReservationResponse:
        reservation = await self._reservations.get(resource_id(request.name))
        return pb.GetReservationResponse(reservation=messages.write_reservation(reservation))

    @override
    async def ListReservations(
        self, request: pb.ListReservationsRequest, context: Context
    ) -> pb.ListReservationsResponse:
        page = read_page(request, "reservations")
        reservations = await self._reservations.list(page.after, page.limit)
        return messages.write_reservation_list(reservations, page)

    @override
    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Context) -> pb.ReserveStockResponse:
        lines = messages.read_lines(request)
        reservation = await self._reservations.reserve(request_key(request), lines, request.reference)
        return pb.ReserveStockResponse(reservation=reservation)

    @override
    async def CommitReservation(
        self, request: pb.CommitReservationRequest, context: Context
    ) -> pb.CommitReservationResponse:
        reservation = await self._reservations.commit(request_key(request), resource_id(request.name))
        return pb.CommitReservationResponse(reservation=reservation)

    @override
    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, context: Context
    ) -> pb.ReleaseReservationResponse:
        reservation = await self._reservations.release(request_key(request), resource_id(request.name))
        return pb.ReleaseReservationResponse(reservation=reservation)

    @override
    async def ReturnReservation(
        self, request: pb.ReturnReservationRequest, context: Context
    ) -> pb.ReturnReservationResponse:
        reservation = await self._reservations.return_sold(request_key(request), resource_id(request.name))
        return pb.ReturnReservationResponse(reservation=reservation)
