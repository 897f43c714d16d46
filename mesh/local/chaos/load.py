"""Orders at a small, steady rate through the gateway, signed in as the demo's user, and how each has ended."""

import asyncio
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

from shop.orders.v1 import orders_pb2, orders_pb2_grpc

PER_SECOND = 2
TIMEOUT = 20.0
"""Seconds: more than the contract gives PlaceOrder, so that it is the mesh who ends a call."""
PRODUCTS = 100
SOLD = "sold"
MOST_TOLD = 5
SOLD_OUT = orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK


@dataclass(frozen=True)
class Call:
    """One order: when it was sent and answered, in seconds of the monotonic clock, and what came of it."""

    began: float
    ended: float
    ending: str

    @property
    def sold(self) -> bool:
        """Whether it did what it was for."""
        return self.ending == SOLD


@dataclass(frozen=True)
class Figures:
    """What a number of calls tell together: how many, how many of them sold, and the 99th percentile in seconds."""

    made: int
    sold: int
    p99: float
    failed: Sequence[str] = ()
    """How the others ended, each ending with its number."""

    @classmethod
    def of(cls, calls: Sequence[Call]) -> "Figures":
        """Count; of no calls everything is zero."""
        took = sorted(call.ended - call.began for call in calls)
        p99 = took[math.ceil(0.99 * len(took)) - 1] if took else 0.0
        failed = Counter(call.ending for call in calls if not call.sold)
        told = [f"{count} of {ending}" for ending, count in failed.most_common(MOST_TOLD)]
        return cls(len(calls), len(calls) - failed.total(), p99, told)

    @property
    def success(self) -> float:
        """The share that sold, in percent."""
        return 100 * self.sold / self.made if self.made else 0.0

    def __str__(self) -> str:
        """Write it for a table."""
        return f"{self.sold}/{self.made} {self.p99:.2f} s"


class Load:
    """Buys for the length of a block: so many orders a second, however long each of them takes."""

    def __init__(self, gateway: str, token: str) -> None:
        self.calls: list[Call] = []
        """Those that were answered, in the order of their answers."""
        self._channel = grpc.aio.insecure_channel(gateway, options=[("grpc.enable_http_proxy", 0)])
        self._stub = orders_pb2_grpc.OrdersServiceStub(self._channel)
        self._metadata = grpc.aio.Metadata(("authorization", f"Bearer {token}"))
        self._products = itertools.cycle(range(1, PRODUCTS + 1))
        self._under_way: set[asyncio.Task[None]] = set()
        self._pace: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        self._pace = asyncio.create_task(self._keep_pace())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, when the orders under way are answered."""
        if self._pace:
            self._pace.cancel()
        await asyncio.gather(*self._under_way)
        await self._channel.close()

    def since(self, moment: float) -> list[Call]:
        """Find what was sent after a moment and is answered, in the order of its beginning."""
        return sorted((call for call in self.calls if call.began > moment), key=lambda call: call.began)

    async def answered(self, before: float) -> None:
        """Wait until all that was sent before a moment is answered."""
        await asyncio.sleep(max(0.0, before - time.monotonic()))
        await asyncio.gather(*(task for task in self._under_way if float(task.get_name()) < before))

    async def _keep_pace(self) -> None:
        due = time.monotonic()
        while True:
            began = time.monotonic()
            task = asyncio.create_task(self._buy(began), name=str(began))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            due += 1 / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _buy(self, began: float) -> None:
        wish = orders_pb2.PlaceOrderRequest(
            request_id=str(uuid.uuid4()),
            customer="customers/me",
            items=[orders_pb2.PlaceOrderItem(product=f"products/p-{next(self._products):04}", quantity=1)],
            payment_token="tok_visa",  # noqa: S106  # stands for no card
            shipping_address=orders_pb2.ShippingAddress(
                recipient="Chaos", lines=["Unter den Linden 1"], locality="Berlin", region_code="DE"
            ),
        )
        try:
            order = (await self._stub.PlaceOrder(wish, metadata=self._metadata, timeout=TIMEOUT)).order
        except grpc.aio.AioRpcError as error:
            ending = f"{error.code().name} {error.details()}"
        else:
            # A shelf that is empty is no failure of the mesh's.
            well = order.state == orders_pb2.Order.STATE_CONFIRMED or order.rejection_reason == SOLD_OUT
            ending = SOLD if well else f"{orders_pb2.Order.State.Name(order.state)} {order.rejection_message}"
        self.calls.append(Call(began, time.monotonic(), ending))
