"""What the service does for each call, and beside the calls: place, answer, cancel, recover."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from services.orders.domain import Cart, Destination, Order, Product, State, TakenOverError, Wish, priced, within_limit
from services.orders.saga import Saga
from services.orders.store import Announce, Store
from services.runtime import Background, Database, once, recall
from services.runtime.requests import IdentifiedRequest


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

    async def orders_after(self, after: str, customer: str, limit: int) -> Sequence[Order]:
        """Answer up to `limit` orders of a customer, the newest first, from the one that follows the id `after` on."""
        async with self.database.read() as connection:
            return await Store(connection).orders_after(after, customer, limit)

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


class Recovery:
    """Carries on unfinished orders that nobody is at any more: their process has ended, or a callee failed.

    What pending ones took is given back, those to be cancelled are cancelled.

    An order that has not moved from one pass to the next counts as such. Should its process be at it after all, just
    slowly, then its next entry in the log is refused (TakenOverError), and it leaves the order alone.
    """

    def __init__(self, database: Database, saga: Saga) -> None:
        self._database = database
        self._saga = saga
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Make one pass over the unfinished orders."""
        async with self._database.read() as connection:
            unfinished = await Store(connection).unfinished()
        unmoved = unfinished.items() & self._seen.items()
        self._seen = unfinished
        for order_id, revision in unmoved:
            await self._carry_on(order_id, revision)

    async def _carry_on(self, order_id: str, revision: int) -> None:
        async with self._database.read() as connection:
            order = await Store(connection).order(order_id)
        try:
            if order.revision == revision:
                await self._saga.carry_on(order)
        except TakenOverError:
            pass
