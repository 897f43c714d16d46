"""The gRPC methods of inventory, and the status of each error."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.inventory import domain, handlers, messages
from services.inventory.store import Store
from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from services.runtime.storage import Database
from services.runtime.storage.idempotency import reply_once
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
Write = (
    pb.ReserveStockRequest | pb.CommitReservationRequest | pb.ReleaseReservationRequest | pb.ReturnReservationRequest
)


class InventoryServicer(inventory_pb2_grpc.InventoryServiceServicer):
    """Implements shop.inventory.v1.InventoryService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def GetStock(self, request: pb.GetStockRequest, context: Context) -> pb.GetStockResponse:
        product = resource_id(request.name)
        async with self._database.read() as connection:
            stock = await Store(connection).stock(product)
        return pb.GetStockResponse(stock=messages.write_stock(stock))

    @override
    async def ListStocks(self, request: pb.ListStocksRequest, context: Context) -> pb.ListStocksResponse:
        page = read_page(request, "stocks")
        async with self._database.read() as connection:
            found = await Store(connection).stocks_after(page.after, page.limit)
        shown, token = page.cut(found, key=lambda stock: stock.product)
        return pb.ListStocksResponse(stocks=map(messages.write_stock, shown), next_page_token=token)

    @override
    async def ReceiveStock(self, request: pb.ReceiveStockRequest, context: Context) -> pb.ReceiveStockResponse:
        product = resource_id(request.name)
        async with self._database.write() as connection:
            store = Store(connection)
            receive = partial(handlers.receive_stock, store, product, request.pieces)
            stock = await reply_once(connection, request_key(request), receive, store.stock, messages.write_stock)
        return pb.ReceiveStockResponse(stock=stock)

    @override
    async def ListDemands(self, request: pb.ListDemandsRequest, context: Context) -> pb.ListDemandsResponse:
        page = read_page(request, "demands")
        async with self._database.read() as connection:
            found = await Store(connection).demands_after(page.after, page.limit)
        shown, token = page.cut(found, key=lambda demand: demand.product)
        return pb.ListDemandsResponse(demands=map(messages.write_demand, shown), next_page_token=token)

    @override
    async def GetReservation(self, request: pb.GetReservationRequest, context: Context) -> pb.GetReservationResponse:
        name = resource_id(request.name)
        async with self._database.read() as connection:
            reservation = await Store(connection).reservation(name)
        return pb.GetReservationResponse(reservation=messages.write_reservation(reservation))

    @override
    async def ListReservations(
        self, request: pb.ListReservationsRequest, context: Context
    ) -> pb.ListReservationsResponse:
        page = read_page(request, "reservations")
        async with self._database.read() as connection:
            found = await Store(connection).reservations_after(page.after, page.limit)
        shown, token = page.cut(found, key=lambda reservation: reservation.id)
        return pb.ListReservationsResponse(reservations=map(messages.write_reservation, shown), next_page_token=token)

    @override
    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Context) -> pb.ReserveStockResponse:
        lines = messages.read_lines(request)
        reservation = await self._once(request, lambda store: handlers.reserve_stock(store, lines, request.reference))
        return pb.ReserveStockResponse(reservation=reservation)

    @override
    async def CommitReservation(
        self, request: pb.CommitReservationRequest, context: Context
    ) -> pb.CommitReservationResponse:
        name = resource_id(request.name)
        reservation = await self._once(request, lambda store: handlers.commit_reservation(store, name))
        return pb.CommitReservationResponse(reservation=reservation)

    @override
    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, context: Context
    ) -> pb.ReleaseReservationResponse:
        name = resource_id(request.name)
        reservation = await self._once(request, lambda store: handlers.release_reservation(store, name))
        return pb.ReleaseReservationResponse(reservation=reservation)

    @override
    async def ReturnReservation(
        self, request: pb.ReturnReservationRequest, context: Context
    ) -> pb.ReturnReservationResponse:
        name = resource_id(request.name)
        reservation = await self._once(request, lambda store: handlers.return_reservation(store, name))
        return pb.ReturnReservationResponse(reservation=reservation)

    async def _once(self, request: Write, change: Callable[[Store], Awaitable[domain.Reservation]]) -> pb.Reservation:
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            write = messages.write_reservation
            return await reply_once(connection, request_key(request), lambda: change(store), store.reservation, write)
