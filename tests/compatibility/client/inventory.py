"""Checks inventory: receive, reserve, sell, return and release stock."""

import grpc.aio

from shop.inventory.v1 import inventory_pb2 as pb
from shop.inventory.v1 import inventory_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, new_id, status_of
from tests.support.errors import refused


class Shelf:
    """The stock of one new product, which no other test uses."""

    def __init__(self, stub: "inventory_pb2_grpc.InventoryServiceAsyncStub") -> None:
        self.id = new_id()
        self._stub = stub

    async def counts(self) -> tuple[int, int, int, int]:
        """Return the pieces that are available, reserved, sold and received."""
        stock = (await self._stub.GetStock(pb.GetStockRequest(name=f"stocks/{self.id}"))).stock
        assert stock.product == f"products/{self.id}"
        return stock.available, stock.reserved, stock.sold, stock.received

    def reservation_request(self, pieces: int) -> pb.ReserveStockRequest:
        """Create a request for a reservation."""
        line = pb.ReservationLine(product=f"products/{self.id}", quantity=pieces)
        return pb.ReserveStockRequest(request_id=new_id(), lines=[line], reference="orders/1")


async def check(channel: grpc.aio.Channel) -> None:
    """Call every method, and check the responses."""
    stub = inventory_pb2_grpc.InventoryServiceStub(channel)
    shelf = Shelf(stub)
    receiving = pb.ReceiveStockRequest(request_id=new_id(), name=f"stocks/{shelf.id}", pieces=10)
    assert await stub.ReceiveStock(receiving) == await stub.ReceiveStock(receiving)
    assert await shelf.counts() == (10, 0, 0, 10)

    reserving = shelf.reservation_request(3)
    held = (await stub.ReserveStock(reserving)).reservation
    assert (held.state, held.lines, held.reference) == (pb.Reservation.STATE_HELD, reserving.lines, "orders/1")
    assert (await stub.ReserveStock(reserving)).reservation == held
    assert await shelf.counts() == (7, 3, 0, 10)
    sold = await stub.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=held.name))
    assert sold.reservation.state == pb.Reservation.STATE_COMMITTED
    assert await shelf.counts() == (7, 0, 3, 10)
    error = await refused(stub.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=held.name)))
    assert status_of(error) == (PRECONDITION, "RESERVATION_WRONG_STATE")
    back = await stub.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=held.name))
    assert back.reservation.state == pb.Reservation.STATE_RETURNED
    assert (await stub.GetReservation(pb.GetReservationRequest(name=held.name))).reservation == back.reservation

    other = (await stub.ReserveStock(shelf.reservation_request(2))).reservation
    released = await stub.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=other.name))
    assert released.reservation.state == pb.Reservation.STATE_RELEASED
    assert await shelf.counts() == (10, 0, 0, 10)
    listed = (await stub.ListReservations(pb.ListReservationsRequest(page_size=1))).reservations
    assert list(listed) == [released.reservation], "newest first"
    stocks = (await stub.ListStocks(pb.ListStocksRequest(page_size=100))).stocks
    assert [stock.name for stock in stocks] == sorted(stock.name for stock in stocks)
    await stub.ListDemands(pb.ListDemandsRequest())
    error = await refused(stub.ReserveStock(shelf.reservation_request(11)))
    assert status_of(error) == (PRECONDITION, "INSUFFICIENT_STOCK")
    assert error.subjects
