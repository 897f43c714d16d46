"""GET /metrics of the services, as a scraper sees it."""

import grpc
import pytest

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.support.clock import eventually
from tests.support.databases import query
from tests.support.metrics import scrape, scrape_text, value
from tests.support.processes import Process, targets
from tests.support.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart, new_id
from tests.support.starters import Shared, Start

SERVICE = "shop.catalog.v1.CatalogService"
REFLECTION = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
GET_PRODUCT = f"{SERVICE}/GetProduct"
DURATION = "rpc_server_call_duration_seconds"


def count(process: Process, method: str, code: str) -> int:
    """Return how many calls of a method have ended with a code."""
    return int(value(process, f"{DURATION}_count", rpc_method=method, rpc_response_status_code=code) or 0)


def captured_cents(payments: Process) -> float:
    """Return the sum of the captured payments."""
    return value(payments, "shop_payments_cents", state="CAPTURED", currency="EUR") or 0


async def call_unary(channel: grpc.aio.Channel, path: str) -> None:
    """Call a method with an empty message."""
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    await method(b"")


async def test_each_call_is_counted_by_its_method_and_code(shared: Shared) -> None:
    catalog = shared("catalog")
    before = sum(scrape(catalog, f"{DURATION}_count").values())
    succeeded, failed = (count(catalog, GET_PRODUCT, code) for code in ("OK", "NOT_FOUND"))
    async with catalog.channel() as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        for _ in range(20):
            await stub.GetProduct(catalog_pb2.GetProductRequest(name="products/p-0001"))
        for _ in range(10):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.GetProduct(catalog_pb2.GetProductRequest(name="products/none"))
    async for attempt in eventually():
        with attempt:
            assert count(catalog, GET_PRODUCT, "OK") - succeeded == 20
            assert count(catalog, GET_PRODUCT, "NOT_FOUND") - failed == 10
    assert sum(scrape(catalog, f"{DURATION}_count").values()) - before == 30
    labels = {"rpc_method": GET_PRODUCT, "rpc_response_status_code": "NOT_FOUND"}
    assert value(catalog, f"{DURATION}_bucket", **labels, le="+Inf") == failed + 10
    assert (value(catalog, f"{DURATION}_sum", **labels) or 0) > 0


async def test_a_method_is_there_before_its_first_call(shared: Shared) -> None:
    methods = {dict(labels)["rpc_method"] for labels in scrape(shared("payments"), "rpc_server_active_calls")}
    assert "shop.payments.v1.PaymentsService/RefundPayment" in methods


async def test_methods_that_do_not_exist_are_one_series(shared: Shared) -> None:
    catalog = shared("catalog")
    before = count(catalog, "_OTHER", "UNIMPLEMENTED")
    async with catalog.channel() as channel:
        for number in range(5):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call_unary(channel, f"/{SERVICE}/Invented{number}")
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert count(catalog, "_OTHER", "UNIMPLEMENTED") == before + 5
    assert "Invented" not in scrape_text(catalog)


async def test_health_checks_are_not_counted(shared: Shared) -> None:
    catalog = shared("catalog")
    async with catalog.channel() as channel:
        await call_unary(channel, "/grpc.health.v1.Health/Check")
    assert "grpc.health" not in scrape_text(catalog)


async def test_a_stream_is_in_progress_until_it_ends(shared: Shared) -> None:
    reflection = shared("reflection")
    cancelled = count(reflection, REFLECTION, "CANCELLED")
    async with reflection.channel() as channel:
        stream: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(f"/{REFLECTION}")()
        async for attempt in eventually():
            with attempt:
                assert value(reflection, "rpc_server_active_calls", rpc_method=REFLECTION) == 1
        stream.cancel()
        async for attempt in eventually():
            with attempt:
                assert count(reflection, REFLECTION, "CANCELLED") == cancelled + 1
    assert value(reflection, "rpc_server_active_calls", rpc_method=REFLECTION) == 0


async def test_a_cancelled_stream_does_not_count_as_complete(shared: Shared) -> None:
    # gRPC may report the end of the requests before the cancellation: it did so for one call in ten.
    reflection = shared("reflection")
    before = {code: count(reflection, REFLECTION, code) for code in ("CANCELLED", "OK")}
    async with reflection.channel() as channel:
        for _ in range(100):
            stream: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(f"/{REFLECTION}")()
            await stream.write(b"")
            await stream.read()
            stream.cancel()
        async for attempt in eventually():
            with attempt:
                assert value(reflection, "rpc_server_active_calls", rpc_method=REFLECTION) == 0
        stream = channel.stream_stream(f"/{REFLECTION}")()
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        async for attempt in eventually():
            with attempt:
                assert count(reflection, REFLECTION, "OK") == before["OK"] + 1
    assert count(reflection, REFLECTION, "CANCELLED") == before["CANCELLED"] + 100


async def test_orders_are_counted_by_outcome_and_the_ledger_agrees(start: Start, shared: Shared) -> None:
    callees = {name: shared(name) for name in ("catalog", "inventory", "payments", "shipping")}
    orders = start("orders", targets(*callees.values()))
    shop = Shop(orders, *(callees[name] for name in ("inventory", "payments", "shipping")))
    captured = captured_cents(callees["payments"])
    sold = value(callees["inventory"], "shop_stock_pieces", state="sold") or 0
    rejected = value(callees["inventory"], "shop_reservations_rejected_total") or 0
    customer = new_id()
    placed = [await shop.place(cart(customer=f"customers/{customer}", p_0001=2)) for _ in range(3)]
    assert {order.state for order in placed} == {CONFIRMED}
    assert (await shop.cancel(placed.pop().name)).state == CANCELLED
    assert (await shop.place(cart(p_0199=1))).state == REJECTED, "p-0199 is sold out"
    await shop.close()

    outcomes = {dict(key)["reason"]: number for key, number in scrape(orders, "shop_orders_total").items() if number}
    assert outcomes == {"NONE": 1, "INSUFFICIENT_STOCK": 1}
    total = sum(order.total.units * 100 + order.total.nanos // 10_000_000 for order in placed)
    async for attempt in eventually():
        with attempt:
            assert value(orders, "shop_orders_in_state", state="CONFIRMED") == 2
            assert value(orders, "shop_orders_value_cents", state="CONFIRMED", currency="EUR") == total
            assert captured_cents(callees["payments"]) == captured + total
            assert value(orders, "shop_orders_pieces", state="CONFIRMED") == 4
            assert value(callees["inventory"], "shop_stock_pieces", state="sold") == sold + 4
    assert value(callees["inventory"], "shop_reservations_rejected_total") == rejected + 1
    pieces = {dict(key)["state"]: number for key, number in scrape(callees["inventory"], "shop_stock_pieces").items()}
    assert pieces.pop("received") == sum(pieces.values())
    text = "".join(map(scrape_text, (orders, *callees.values())))
    assert not [name for name in (customer, *(order.name.partition("/")[2] for order in placed)) if name in text]


async def test_a_measurement_that_fails_is_missing_and_counted(start: Start) -> None:
    payments = start("payments")
    assert value(payments, "shop_payments_in_state", state="CAPTURED") == 0
    query(payments.database_url, "ALTER TABLE payments RENAME TO moved")
    async for attempt in eventually():
        with attempt:
            assert (value(payments, "metrics_failures_total", source="payments") or 0) > 0
            assert value(payments, "shop_payments_in_state", state="CAPTURED") is None
    assert value(payments, "process_open_fds") is not None
    query(payments.database_url, "ALTER TABLE moved RENAME TO payments")
    async for attempt in eventually():
        with attempt:
            assert value(payments, "shop_payments_in_state", state="CAPTURED") == 0
