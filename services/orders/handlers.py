"""What the service does for each call, and beside the calls: place, answer, cancel, recover."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from services.orders.domain import (
    UNFINISHED,
    Cart,
    Destination,
    Order,
    Product,
    State,
    TakenOverError,
    Wanted,
    Wish,
    priced,
    within_limit,
)
from services.orders.saga import Saga
from services.orders.store import Announce, Store
from services.runtime import Background, Database, once, recall
from services.runtime.requests import IdentifiedRequest

# So many unfinished orders recovery looks up at once, and so many it carries on at once.
PAGE = 500
ABREAST = 8

logger = logging.getLogger(__name__)


class Catalog(Protocol):
    """What orders asks of the catalog."""

    async def products(self, wishes: tuple[Wish, ...]) -> list[Product]:
        """Answer the products of `wishes`, one for one. Raises UnknownProductsError, CatalogUnavailableError."""


class Tariff(Protocol):
    """What orders asks of shipping before there is an order."""

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        """Answer what shipping costs, in cents. Raises RegionNotServedError, ShippingUnavailableError."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Places orders, finds them again, and cancels them."""

    database: Database
    catalog: Catalog
    tariff: Tariff
    saga: Saga
    background: Background
    announce: Announce

    async def place(self, request: IdentifiedRequest, cart: Cart) -> Order:
        """Make the order that `request` asks for and carry it to its end; answer it as it is now if it was made before.

        Raises UnknownProductsError, MixedCurrenciesError, TotalTooLargeError, RegionNotServedError,
        CatalogUnavailableError, ShippingUnavailableError or RequestIdReusedError; nothing is stored then.
        """
        async with self.database.read() as connection:
            known = await recall(connection, request)
            if known is not None:
                return await Store(connection).order(known)
        order = await self._order(cart)
        # From here on the order is the shop's: its caller may go, it is carried on.
        return await self.background.finish(self._carry(request, order))

    async def order(self, order_id: str) -> Order:
        """Answer one order. Raises OrderNotFoundError."""
        async with self.database.read() as connection:
            return await Store(connection).order(order_id)

    async def orders_after(self, after: str, wanted: Wanted, limit: int) -> Sequence[Order]:
        """Answer up to `limit` of the wanted orders, the newest first, from the one that follows the id `after` on."""
        async with self.database.read() as connection:
            return await Store(connection).orders_after(after, wanted, limit)

    async def cancel(self, request: IdentifiedRequest, order_id: str) -> Order:
        """Undo a confirmed order, as `request` asks for; answer it as it is now if it was asked for before.

        Raises OrderNotFoundError, OrderStateError or RequestIdReusedError; nothing is changed then.
        """
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            order = await once(connection, request, lambda: _cancelling(store, order_id), store.order)
        if order.state is not State.CANCELLING:
            return order
        # Whoever else is at it does the same: its calls are made once, and its end is written once.
        return await self.background.finish(self._until_taken_over(self.saga.cancel, order))

    async def resume(self, request: IdentifiedRequest, order_id: str) -> Order:
        """Carry a parked order on, as `request` asks for; answer it as it is now if it was asked for before.

        Raises OrderNotFoundError, OrderNotParkedError or RequestIdReusedError; nothing is changed then.
        """
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            order = await once(connection, request, lambda: _resumed(store, order_id), store.order)
        if order.state not in UNFINISHED or order.parking is not None:
            return order
        return await self.background.finish(self._until_taken_over(self.saga.carry_on, order))

    async def _order(self, cart: Cart) -> Order:
        items, currency = priced(cart.wishes, await self.catalog.products(cart.wishes))
        to = cart.destination
        shipping_cents = 0 if to is None else await self.tariff.quote(to, cart.pieces, currency)
        now = datetime.now(UTC)
        return within_limit(
            Order(
                id=str(uuid.uuid4()),
                customer=cart.customer,
                items=items,
                currency=currency,
                payment_token=cart.payment_token,
                create_time=now,
                update_time=now,
                destination=to,
                shipping_cents=shipping_cents,
            )
        )

    async def _carry(self, request: IdentifiedRequest, order: Order) -> Order:
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            stored = await once(connection, request, lambda: store.add(order), store.order)
            if stored is order:
                await self.announce(connection, order)
        if stored is not order:
            return stored  # The same request, sent twice at once: the other call is at it.
        return await self._until_taken_over(self.saga.place, order)

    async def _until_taken_over(self, carry: Callable[[Order], Awaitable[Order]], order: Order) -> Order:
        try:
            return await carry(order)
        except TakenOverError:
            return await self.order(order.id)


async def _cancelling(store: Store, order_id: str) -> Order:
    before = await store.order(order_id, lock=True)
    after = before.cancelling(datetime.now(UTC))
    return after if after is before else await store.put(after)


async def _resumed(store: Store, order_id: str) -> Order:
    return await store.put((await store.order(order_id, lock=True)).resumed())


class Recovery:
    """Carries on unfinished orders that nobody is at any more: their process has ended, or a callee failed.

    What pending ones took is given back, those to be cancelled are cancelled. Parked ones are left alone.

    An order that has not moved from one pass to the next counts as such. Should its process be at it after all, just
    slowly, then its next entry in the log is refused (TakenOverError), and it leaves the order alone.
    """

    def __init__(self, database: Database, saga: Saga) -> None:
        self._database = database
        self._saga = saga
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Make one pass over the unfinished orders."""
        before, self._seen = self._seen, {}
        after = ""
        while True:
            async with self._database.read() as connection:
                unfinished = await Store(connection).unfinished(after, PAGE)
            self._seen |= unfinished
            unmoved = iter(unfinished.items() & before.items())
            while some := list(islice(unmoved, ABREAST)):
                await asyncio.gather(*(self._carry_on(order_id, revision) for order_id, revision in some))
            if len(unfinished) < PAGE:
                return
            after = max(unfinished)

    async def _carry_on(self, order_id: str, revision: int) -> None:
        try:
            async with self._database.read() as connection:
                order = await Store(connection).order(order_id)
            if order.revision == revision:
                # Should it fail again, then the next pass tries again.
                self._seen[order_id] = (await self._saga.carry_on(order)).revision
        except TakenOverError:
            pass
        except Exception:
            # One order's fault must not keep the others from their end.
            logger.exception("order not recovered", extra={"order": order_id})
