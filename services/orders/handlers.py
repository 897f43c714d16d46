"""What the service does for each call: place, answer, watch, cancel, resume."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from services.orders.domain import (
    SHOP,
    Caller,
    Cart,
    Destination,
    Order,
    OrderNotFoundError,
    Product,
    TakenOverError,
    Wanted,
    Wish,
    priced,
    within_limit,
)
from services.orders.news import Follower, News
from services.orders.saga import Saga
from services.orders.store import Announce, Store
from services.runtime import Background
from services.runtime.rpc import before_deadline, request_key
from services.runtime.rpc.requests import IdentifiedRequest
from services.runtime.storage import Database, find_request, run_once

# So long a call waits for its order's end, if its own deadline does not come first. With what comes before, that is
# less than a stopping process gives the calls under way: each gets its answer.
MOST_SECONDS = 8.0

Change = Callable[[Store], Awaitable[Order]]
Carry = Callable[[Order], Awaitable[Order]]


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
    news: News

    async def place(self, request: IdentifiedRequest, cart: Cart) -> Order:
        """Make the order that `request` asks for, unless that was made before; answer it at its end, or in time.

        Raises UnknownProductsError, MixedCurrenciesError, TotalTooLargeError, RegionNotServedError,
        CatalogUnavailableError, ShippingUnavailableError or RequestIdReusedError; nothing is stored then.
        """
        async with self.database.read() as connection:
            known = await find_request(connection, request_key(request))
        if known is None:
            order = await self._order(cart)
            known = await self._begin(request, lambda store: store.add(order, self.announce), self.saga.place)
        return await self._settled(known)

    async def order(self, order_id: str, caller: Caller = SHOP) -> Order:
        """Answer one order. Raises OrderNotFoundError, for another customer's too: nobody learns that it is there."""
        async with self.database.read() as connection:
            order = await Store(connection).order(order_id)
        if not caller.sees(order.customer):
            raise OrderNotFoundError(order_id)
        return order

    async def orders_after(self, after: str, wanted: Wanted, limit: int) -> Sequence[Order]:
        """Answer up to `limit` of the wanted orders, the newest first, from the one that follows the id `after` on."""
        async with self.database.read() as connection:
            return await Store(connection).orders_after(after, wanted, limit)

    async def watch(self, order_id: str, caller: Caller = SHOP) -> AsyncIterator[Order]:
        """Answer the order as it is, and then its newest revision each time it has moved, until it has ended.

        Raises OrderNotFoundError.
        """
        with self.news.follow(order_id) as follower:
            follower.tell(await self.order(order_id, caller))
            while True:
                order = await follower.moved()
                yield order
                if order.has_ended:
                    return

    async def cancel(self, request: IdentifiedRequest, order_id: str, caller: Caller = SHOP) -> Order:
        """Undo a confirmed order, as `request` asks for; answer it at its end, or in time.

        Raises OrderNotFoundError, OrderStateError or RequestIdReusedError; nothing is changed then.
        """
        await self.order(order_id, caller)
        change = partial(_changed, order_id, lambda order: order.cancelling(datetime.now(UTC)))
        # Whoever else is at it does the same: its calls are made once, and its end is written once.
        return await self._settled(await self._begin(request, change, self.saga.cancel))

    async def resume(self, request: IdentifiedRequest, order_id: str) -> Order:
        """Carry a parked order on, as `request` asks for; answer it at its end, or in time.

        Raises OrderNotFoundError, OrderNotParkedError or RequestIdReusedError; nothing is changed then.
        """
        change = partial(_changed, order_id, lambda order: order.resumed())
        return await self._settled(await self._begin(request, change, self.saga.carry_on))

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

    async def _begin(self, request: IdentifiedRequest, change: Change, carry: Carry) -> str:
        """Make a change, once for equal requests, and begin to carry the order on; answer its id.

        From the change on the order is the shop's: its caller may go, it is carried on.
        """
        return await self.background.run_to_completion(self._once(request, change, carry))

    async def _once(self, request: IdentifiedRequest, change: Change, carry: Carry) -> str:
        changed: list[Order] = []

        async def change_now() -> Order:
            changed.append(await change(store))
            return changed[0]

        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            order = await run_once(connection, request_key(request), change_now, store.order)
        # The same request, sent twice at once, changes nothing: the other call is at it.
        for begun in changed:
            self.news.tell(begun)
            if not begun.has_ended:
                self.background.start(_until_taken_over(carry, begun))
        return order.id

    async def _settled(self, order_id: str) -> Order:
        """Answer the order as soon as nobody is at it any more, in whatever process; as it is when time is up."""
        with self.news.follow(order_id) as follower:
            order = await self.order(order_id)
            follower.tell(order)
            await before_deadline(_rest(follower), MOST_SECONDS)
            return follower.newest or order


async def _rest(follower: Follower) -> None:
    while not (await follower.moved()).is_at_rest:
        pass


async def _until_taken_over(carry: Carry, order: Order) -> None:
    with suppress(TakenOverError):
        await carry(order)


async def _changed(order_id: str, change: Callable[[Order], Order], store: Store) -> Order:
    before = await store.order(order_id, lock=True)
    after = change(before)
    return after if after is before else await store.put(after)
