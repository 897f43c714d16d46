"""inventory through its generated client: pieces are conserved, and invalid requests change nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import pytest

from shop.inventory.v1 import inventory_pb2 as pb
from shop.inventory.v1 import inventory_pb2_grpc
from tests.support.databases import query
from tests.support.errors import refused
from tests.support.processes import Process
from tests.support.starters import Start

Stub = inventory_pb2_grpc.InventoryServiceStub
AsyncStub: TypeAlias = "inventory_pb2_grpc.InventoryServiceAsyncStub"
HELD, COMMITTED, RELEASED, RETURNED = (
    pb.Reservation.STATE_HELD,
    pb.Reservation.STATE_COMMITTED,
    pb.Reservation.STATE_RELEASED,
    pb.Reservation.STATE_RETURNED,
)


@pytest.fixture
async def inventory(shared: Callable[[str], Process]) -> AsyncIterator[AsyncStub]:
    async with shared("inventory").channel() as channel:
        yield Stub(channel)


def new_id() -> str:
    return str(uuid.uuid4())


def reserve(request_id: str, **pieces: int) -> pb.ReserveStockRequest:
    """Build a request; p_0001=2 reserves two pieces of products/p-0001."""
    return pb.ReserveStockRequest(
        request_id=request_id,
        lines=[
            pb.ReservationLine(product=f"products/{product.replace('_', '-')}", quantity=quantity)
            for product, quantity in pieces.items()
        ],
    )


async def counts(inventory: AsyncStub, product: str) -> tuple[int, int]:
    """Return how many pieces are available and reserved."""
    stock = (await inventory.GetStock(pb.GetStockRequest(name=f"stocks/{product}"))).stock
    return stock.available, stock.reserved


async def reserved(inventory: AsyncStub, **pieces: int) -> str:
    """Reserve pieces and return the reservation's name."""
    return (await inventory.ReserveStock(reserve(new_id(), **pieces))).reservation.name


async def test_a_reservation_reserves_pieces_and_its_commit_sells_them(inventory: AsyncStub) -> None:
    before = await counts(inventory, "p-0001")
    reservation = (await inventory.ReserveStock(reserve(new_id(), p_0001=3))).reservation
    assert reservation.state == HELD
    assert [(line.product, line.quantity) for line in reservation.lines] == [("products/p-0001", 3)]
    assert await counts(inventory, "p-0001") == (before[0] - 3, before[1] + 3)

    commit = pb.CommitReservationRequest(request_id=new_id(), name=reservation.name)
    assert (await inventory.CommitReservation(commit)).reservation.state == COMMITTED
    assert await counts(inventory, "p-0001") == (before[0] - 3, before[1])


async def test_a_release_makes_every_piece_available_again(inventory: AsyncStub) -> None:
    before = await counts(inventory, "p-0002"), await counts(inventory, "p-0003")
    name = await reserved(inventory, p_0002=1, p_0003=4)
    release = pb.ReleaseReservationRequest(request_id=new_id(), name=name)
    assert (await inventory.ReleaseReservation(release)).reservation.state == RELEASED
    assert (await counts(inventory, "p-0002"), await counts(inventory, "p-0003")) == before


async def test_returning_a_reservation_many_times_makes_its_pieces_available_once(inventory: AsyncStub) -> None:
    before = await counts(inventory, "p-0015"), await counts(inventory, "p-0016")
    name = await reserved(inventory, p_0015=1, p_0016=2)
    await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    request = pb.ReturnReservationRequest(request_id=new_id(), name=name)
    replies = await asyncio.gather(*(inventory.ReturnReservation(request) for _ in range(10)))
    again = await inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=name))
    assert {reply.reservation.state for reply in (*replies, again)} == {RETURNED}
    assert (await counts(inventory, "p-0015"), await counts(inventory, "p-0016")) == before


async def test_only_a_committed_reservation_can_be_returned(inventory: AsyncStub) -> None:
    name = await reserved(inventory, p_0017=1)
    for state in ("HELD", "RELEASED"):
        after = await counts(inventory, "p-0017")
        error = await refused(inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=name)))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_WRONG_STATE")
        assert error.metadata == {"state": state}
        assert await counts(inventory, "p-0017") == after
        await inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=name))


async def test_a_returned_reservation_cannot_be_committed_or_released(inventory: AsyncStub) -> None:
    name = await reserved(inventory, p_0017=1)
    await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    await inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=name))
    after = await counts(inventory, "p-0017")
    for call in (
        inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name)),
        inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=name)),
    ):
        assert (await refused(call)).metadata == {"state": "RETURNED"}
    assert await counts(inventory, "p-0017") == after


async def test_committing_again_changes_nothing(inventory: AsyncStub) -> None:
    name = await reserved(inventory, p_0004=2)
    first = await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    after = await counts(inventory, "p-0004")
    again = await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    assert again == first
    assert await counts(inventory, "p-0004") == after


async def test_a_committed_reservation_cannot_be_released(inventory: AsyncStub) -> None:
    name = await reserved(inventory, p_0005=1)
    await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    after = await counts(inventory, "p-0005")
    error = await refused(inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=name)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_WRONG_STATE")
    assert error.metadata == {"state": "COMMITTED"}
    assert await counts(inventory, "p-0005") == after


async def test_a_released_reservation_cannot_be_committed(inventory: AsyncStub) -> None:
    name = await reserved(inventory, p_0006=1)
    await inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=name))
    error = await refused(inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name)))
    assert (error.reason, error.metadata) == ("RESERVATION_WRONG_STATE", {"state": "RELEASED"})


async def test_all_lines_are_reserved_or_none_and_the_error_names_what_lacks_stock(
    inventory: AsyncStub,
) -> None:
    before = await counts(inventory, "p-0007")
    error = await refused(inventory.ReserveStock(reserve(new_id(), p_0007=1, p_0199=1, p_0047=2)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert error.domain == "inventory.shop.example"
    assert error.subjects == ["products/p-0199", "products/p-0047"]
    assert await counts(inventory, "p-0007") == before


async def test_a_product_without_a_stock_has_no_pieces(inventory: AsyncStub) -> None:
    error = await refused(inventory.ReserveStock(reserve(new_id(), p_9999=1)))
    assert (error.reason, error.subjects) == ("INSUFFICIENT_STOCK", ["products/p-9999"])


async def test_concurrent_reservations_never_exceed_the_stock(inventory: AsyncStub) -> None:
    available, already_reserved = await counts(inventory, "p-0013")
    calls = [inventory.ReserveStock(reserve(new_id(), p_0013=1, p_0014=1)) for _ in range(20)]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    successful = [reply for reply in replies if isinstance(reply, pb.ReserveStockResponse)]
    assert len(successful) == available < len(replies)
    assert await counts(inventory, "p-0013") == (0, already_reserved + available)


async def test_sending_the_same_request_many_times_creates_one_reservation(inventory: AsyncStub) -> None:
    before = await counts(inventory, "p-0008")
    request = reserve(new_id(), p_0008=2)
    replies = await asyncio.gather(*(inventory.ReserveStock(request) for _ in range(10)))
    assert len({reply.reservation.name for reply in replies}) == 1
    assert await counts(inventory, "p-0008") == (before[0] - 2, before[1] + 2)


async def test_a_failed_request_is_not_stored_under_its_request_id(inventory: AsyncStub) -> None:
    request_id = new_id()
    assert (await refused(inventory.ReserveStock(reserve(request_id, p_0199=1)))).reason == "INSUFFICIENT_STOCK"
    assert (await inventory.ReserveStock(reserve(request_id, p_0010=1))).reservation.state == HELD


async def test_a_request_id_cannot_be_used_for_another_request(inventory: AsyncStub) -> None:
    request_id = new_id()
    name = (await inventory.ReserveStock(reserve(request_id, p_0011=1))).reservation.name
    before = await counts(inventory, "p-0011")
    for call in (
        inventory.ReserveStock(reserve(request_id, p_0011=2)),
        inventory.CommitReservation(pb.CommitReservationRequest(request_id=request_id, name=name)),
        inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=request_id, name=name)),
        inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=request_id, name=name)),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
        assert error.fields == ["request_id"]
    assert await counts(inventory, "p-0011") == before
    assert (await inventory.GetReservation(pb.GetReservationRequest(name=name))).reservation.state == HELD


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.ReserveStockRequest(), ["request_id", "lines"]),
        (reserve("", p_0012=1), ["request_id"]),
        (reserve("x" * 65, p_0012=1), ["request_id"]),
        (reserve("no spaces", p_0012=1), ["request_id"]),
        (reserve("id", p_0012=0), ["lines[0].quantity"]),
        (reserve("id", p_0012=-1), ["lines[0].quantity"]),
        (reserve("id", p_0012=1001), ["lines[0].quantity"]),
        (reserve("id", p_0012=1, BAD=2**31 - 1), ["lines[1].product", "lines[1].quantity"]),
        (pb.ReserveStockRequest(request_id="id", lines=[pb.ReservationLine(quantity=1)]), ["lines[0].product"]),
        (
            pb.ReserveStockRequest(
                request_id="id", lines=[pb.ReservationLine(product="products/p-0012", quantity=1)] * 2
            ),
            ["lines"],
        ),
        (reserve("id", **{f"p_{number}": 1 for number in range(51)}), ["lines"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_the_error_names_each_invalid_field_of_a_reservation_and_nothing_is_reserved(
    inventory: AsyncStub, request_: pb.ReserveStockRequest, fields: list[str]
) -> None:
    before = await counts(inventory, "p-0012")
    error = await refused(inventory.ReserveStock(request_))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == fields
    assert await counts(inventory, "p-0012") == before


@pytest.mark.parametrize(
    "name", ["", "p-0001", "stocks/", "stocks/P-1", "products/p-0001", "stocks/a/b", "stocks/" + "a" * 65]
)
async def test_the_name_of_a_stock_is_checked(inventory: AsyncStub, name: str) -> None:
    error = await refused(inventory.GetStock(pb.GetStockRequest(name=name)))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["name"])


@pytest.mark.parametrize("name", ["", "reservations/", "stocks/p-0001", "reservations/a b"])
async def test_every_method_checks_the_name_of_a_reservation(inventory: AsyncStub, name: str) -> None:
    for call, fields in (
        (inventory.GetReservation(pb.GetReservationRequest(name=name)), ["name"]),
        (inventory.CommitReservation(pb.CommitReservationRequest(name=name)), ["request_id", "name"]),
        (inventory.ReleaseReservation(pb.ReleaseReservationRequest(name=name)), ["request_id", "name"]),
        (inventory.ReturnReservation(pb.ReturnReservationRequest(name=name)), ["request_id", "name"]),
    ):
        error = await refused(call)
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_stock_or_reservation_that_does_not_exist_is_not_found(inventory: AsyncStub) -> None:
    name = f"reservations/{new_id()}"
    for call, reason in (
        (inventory.GetStock(pb.GetStockRequest(name="stocks/p-9999")), "STOCK_NOT_FOUND"),
        (inventory.GetReservation(pb.GetReservationRequest(name=name)), "RESERVATION_NOT_FOUND"),
        (
            inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name)),
            "RESERVATION_NOT_FOUND",
        ),
        (
            inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=name)),
            "RESERVATION_NOT_FOUND",
        ),
        (
            inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=name)),
            "RESERVATION_NOT_FOUND",
        ),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_three_replicas_on_one_database_start_at_the_same_time_and_never_oversell(start: Start) -> None:
    replicas = [
        start("inventory", folder=f"inventory-{number}", data_folder="stock", wait=False) for number in range(3)
    ]
    for replica in replicas:
        replica.wait_ready()
    channels = [replica.channel() for replica in replicas]
    stubs = [Stub(channel) for channel in channels]
    available, _ = await counts(stubs[0], "p-0101")
    calls = [stub.ReserveStock(reserve(new_id(), p_0101=1)) for stub in stubs for _ in range(5)]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(reply, pb.ReserveStockResponse) for reply in replies) == available < len(replies)
    assert {await counts(stub, "p-0101") for stub in stubs} == {(0, available)}
    for channel in channels:
        await channel.close()


async def test_a_reservation_survives_a_kill_of_the_process(start: Start) -> None:
    first = start("inventory")
    async with first.channel() as channel:
        request = reserve(new_id(), p_0001=2)
        name = (await Stub(channel).ReserveStock(request)).reservation.name
        after = await counts(Stub(channel), "p-0001")
    first.popen.kill()
    first.wait()
    async with start("inventory").channel() as channel:
        assert await counts(Stub(channel), "p-0001") == after
        assert (await Stub(channel).ReserveStock(request)).reservation.name == name


def receipt(name: str, pieces: int, request_id: str = "") -> pb.ReceiveStockRequest:
    return pb.ReceiveStockRequest(request_id=request_id or new_id(), name=name, pieces=pieces)


async def test_sending_the_same_receipt_many_times_adds_its_pieces_once(inventory: AsyncStub) -> None:
    name = f"stocks/{new_id()}"
    first = (await inventory.ReceiveStock(receipt(name, 5, "again-" + name[7:20]))).stock
    assert (first.available, first.received, first.reserved, first.sold) == (5, 5, 0, 0)
    same = await asyncio.gather(*(inventory.ReceiveStock(receipt(name, 5, "again-" + name[7:20])) for _ in range(5)))
    assert {reply.stock.received for reply in same} == {5}
    await asyncio.gather(*(inventory.ReceiveStock(receipt(name, 1)) for _ in range(5)))
    stock = (await inventory.GetStock(pb.GetStockRequest(name=name))).stock
    assert (stock.available, stock.received) == (10, 10)


async def test_concurrent_first_receipts_of_a_product_create_one_stock(inventory: AsyncStub) -> None:
    name = f"stocks/{new_id()}"
    await asyncio.gather(*(inventory.ReceiveStock(receipt(name, 2)) for _ in range(10)))
    stock = (await inventory.GetStock(pb.GetStockRequest(name=name))).stock
    assert (stock.available, stock.received) == (20, 20)


async def test_received_is_the_sum_of_available_reserved_and_sold(inventory: AsyncStub) -> None:
    product = new_id()
    await inventory.ReceiveStock(receipt(f"stocks/{product}", 9))
    names = [await reserved(inventory, **{product: 1}) for _ in range(5)]
    for name in names[:3]:
        await inventory.CommitReservation(pb.CommitReservationRequest(request_id=new_id(), name=name))
    await inventory.ReturnReservation(pb.ReturnReservationRequest(request_id=new_id(), name=names[0]))
    await inventory.ReleaseReservation(pb.ReleaseReservationRequest(request_id=new_id(), name=names[4]))
    stock = (await inventory.GetStock(pb.GetStockRequest(name=f"stocks/{product}"))).stock
    assert (stock.available, stock.reserved, stock.sold, stock.received) == (6, 1, 2, 9)


async def test_the_opening_stock_counts_as_received(inventory: AsyncStub) -> None:
    stock = (await inventory.GetStock(pb.GetStockRequest(name="stocks/p-0002"))).stock
    assert stock.received == 78
    assert stock.received == stock.available + stock.reserved + stock.sold


async def test_a_receipt_beyond_the_maximum_fails(inventory: AsyncStub, shared: Callable[[str], Process]) -> None:
    product = new_id()
    await inventory.ReceiveStock(receipt(f"stocks/{product}", 1))
    set_to_maximum = "UPDATE stocks SET received = 1000000000, available = 1000000000 WHERE product_id = :product"
    query(shared("inventory").database_url, set_to_maximum, product=product)
    error = await refused(inventory.ReceiveStock(receipt(f"stocks/{product}", 1)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STOCK_TOO_LARGE")


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (receipt("stocks/", 1), ["name"]),
        (receipt("stocks/p-0001", 0), ["pieces"]),
        (receipt("stocks/p-0001", 1_000_001), ["pieces"]),
        (pb.ReceiveStockRequest(), ["request_id", "name", "pieces"]),
    ],
)
async def test_an_invalid_receipt_is_rejected(
    inventory: AsyncStub, request_: pb.ReceiveStockRequest, fields: list[str]
) -> None:
    error = await refused(inventory.ReceiveStock(request_))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_reservation_has_the_reference_of_its_request(inventory: AsyncStub) -> None:
    request = reserve(new_id(), p_0001=1)
    request.reference = "orders/o-1"
    name = (await inventory.ReserveStock(request)).reservation.name
    reservation = (await inventory.GetReservation(pb.GetReservationRequest(name=name))).reservation
    assert reservation.reference == "orders/o-1"
    request = reserve(new_id(), p_0001=1)
    request.reference = "o" * 129
    assert (await refused(inventory.ReserveStock(request))).fields == ["reference"]
