"""Orders at a small, steady rate through the gateway, placed by the demo user, and how each of them ended."""

import asyncio
import csv
import itertools
import math
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from mesh.local.instance import REPOSITORY
from shop.orders.v1 import orders_pb2, orders_pb2_grpc

ORDERS_PER_SECOND = 2
CALL_TIMEOUT_SECONDS = 20.0
"""More than the contract gives PlaceOrder, so that the mesh ends a call that takes too long, not the client."""
OPENING_STOCK, MIN_PIECES = REPOSITORY / "services/inventory/opening_stock.csv", 100
"""The products that are ordered: those of which a new shop has at least so many pieces."""
SOLD = "sold"
MAX_REPORTED_ERRORS = 5
SOLD_OUT = orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK


@dataclass(frozen=True)
class Call:
    """One order: when the call started and ended, in seconds of the monotonic clock, and its result."""

    started: float
    ended: float
    result: str

    @property
    def sold(self) -> bool:
        """Whether the order succeeded."""
        return self.result == SOLD


@dataclass(frozen=True)
class LoadSummary:
    """A number of calls: how many, how many of them sold, and the 99th percentile of their latency in seconds."""

    placed: int
    sold: int
    p99: float
    errors: Sequence[str] = ()
    """The results of the others, each with its number."""

    @classmethod
    def of(cls, calls: Sequence[Call]) -> "LoadSummary":
        """Calculate the summary of calls. Without calls all numbers are zero."""
        durations = sorted(call.ended - call.started for call in calls)
        p99 = durations[math.ceil(0.99 * len(durations)) - 1] if durations else 0.0
        failed = Counter(call.result for call in calls if not call.sold)
        errors = [f"{count} of {result}" for result, count in failed.most_common(MAX_REPORTED_ERRORS)]
        return cls(len(calls), len(calls) - failed.total(), p99, errors)

    @property
    def success(self) -> float:
        """The percentage of orders that sold."""
        return 100 * self.sold / self.placed if self.placed else 0.0

    def __str__(self) -> str:
        """Format it for a table."""
        return f"{self.sold}/{self.placed} {self.p99:.2f} s"


class Load:
    """Places orders at a constant rate while its context is open, independent of how long each takes."""

    def __init__(self, gateway: str, token: str) -> None:
        self.calls: list[Call] = []
        """Calls that have ended, in the order of their ends."""
        self._channel = grpc.aio.insecure_channel(gateway, options=[("grpc.enable_http_proxy", 0)])
        self._stub = orders_pb2_grpc.OrdersServiceStub(self._channel)
        self._metadata = grpc.aio.Metadata(("authorization", f"Bearer {token}"))
        self._products = itertools.cycle(_well_stocked())
        self._in_flight: set[asyncio.Task[None]] = set()
        self._pace: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to place orders."""
        self._pace = asyncio.create_task(self._place_orders())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait for the orders in flight."""
        if self._pace:
            self._pace.cancel()
        await asyncio.gather(*self._in_flight)
        await self._channel.close()

    def since(self, start: float) -> list[Call]:
        """Return the ended calls that started after a time, sorted by their start."""
        return sorted((call for call in self.calls if call.started > start), key=lambda call: call.started)

    async def wait_for_calls(self, before: float) -> None:
        """Wait until all calls that start before a time have ended."""
        await asyncio.sleep(max(0.0, before - time.monotonic()))
        await asyncio.gather(*(task for task in self._in_flight if float(task.get_name()) < before))

    async def _place_orders(self) -> None:
        due = time.monotonic()
        while True:
            started = time.monotonic()
            task = asyncio.create_task(self._place_order(started), name=str(started))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
            due += 1 / ORDERS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _place_order(self, started: float) -> None:
        request = orders_pb2.PlaceOrderRequest(
            request_id=str(uuid.uuid4()),
            customer="customers/me",
            items=[orders_pb2.PlaceOrderItem(product=next(self._products), quantity=1)],
            payment_token="tok_visa",  # noqa: S106  # no real card
            shipping_address=orders_pb2.ShippingAddress(
                recipient="Chaos", lines=["Unter den Linden 1"], locality="Berlin", region_code="DE"
            ),
        )
        try:
            reply = await self._stub.PlaceOrder(request, metadata=self._metadata, timeout=CALL_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            result = f"{error.code().name} {error.details()}".strip()
        else:
            order = reply.order
            # An order of a product that is sold out is no failure of the mesh.
            good = order.state == orders_pb2.Order.STATE_CONFIRMED or order.rejection_reason == SOLD_OUT
            result = SOLD if good else f"{orders_pb2.Order.State.Name(order.state)} {order.rejection_message}".strip()
        self.calls.append(Call(started, time.monotonic(), result))


def _well_stocked() -> list[str]:
    with OPENING_STOCK.open(newline="") as file:
        return [f"products/{row['product_id']}" for row in csv.DictReader(file) if int(row["pieces"]) >= MIN_PIECES]
