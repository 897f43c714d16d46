"""The use cases of orders: place, get, list, watch, cancel, resume."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from services.orders.domain import (
    INTERNAL,
    Caller,
    Cart,
    Destination,
    Order,
    OrderFilter,
    OrderLine,
    Product,
    check_total,
    price_lines,
)
from services.orders.errors import OrderNotFoundError, TakenOverError
from services.orders.saga import Saga
from services.orders.store import PublishEvent, Store
from services.orders.updates import OrderUpdates, Subscription
from services.orders.watches import Watches
from services.runtime import Background
from services.runtime.rpc import before_deadline
from services.runtime.storage import Database, RequestKey, find_request, run_once

# How long a call waits for its order to end, if its deadline is not earlier. Together with what comes before, this is
# less than a stopping process grants to open calls, so each call gets its reply.
MAX_WAIT_SECONDS = 8.0

Change = Callable[[Store], Awaitable[Order]]
RunSaga = Callable[[Order], Awaitable[Order]]


class Catalog(Protocol):
    """The calls to the catalog."""

    async def get_products(self, lines: Sequence[OrderLine]) -> Sequence[Product]:
        """Return the product of each line. Raises UnknownProductsError, CatalogUnavailableError."""


class ShippingQuotes(Protocol):
    """The calls to shipping before an order exists."""

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        """Return the price of shipping, in cents. Raises RegionNotServedError, ShippingUnavailableError."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The use cases of orders. Each method owns its transaction.

    `place`, `cancel` and `resume` run the saga in the background. They return the order when it has ended, or as it is
    when a callee fails, the caller's deadline is near, or MAX_WAIT_SECONDS have passed.
    """

    database: Database
    catalog: Catalog
    shipping_quotes: ShippingQuotes
    saga: Saga
    background: Background
    publish_event: PublishEvent
    updates: OrderUpdates
    watches: Watches = field(default_factory=Watches)

    async def place(self, key: RequestKey, cart: Cart) -> Order:
        """Place an order, once for equal requests.

        Raises UnknownProductsError, MixedCurrenciesError, TotalTooLargeError, RegionNotServedError,
        CatalogUnavailableError, ShippingUnavailableError or RequestIdReusedError; then nothing is stored.
        """
        async with self.database.read(snapshot=False) as connection:
            order_id = await find_request(connection, key)
        if order_id is not None:
            return await self._wait_until_idle(order_id)
        order = await self._create_order(cart)
        return await self._change_and_wait(
            order.id, key, lambda store: store.add(order, self.publish_event), self.saga.place
        )

    async def get(self, order_id: str, caller: Caller = INTERNAL) -> Order:
        """Return one order. Raises OrderNotFoundError, also if it belongs to another customer."""
        async with self.database.read() as connection:
            order = await Store(connection).get(order_id)
        if not caller.can_see(order.customer):
            raise OrderNotFoundError(order_id)
        return order

    async def list(self, order_filter: OrderFilter, after: str, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders that match the filter, newest first, starting after the order `after`."""
        async with self.database.read() as connection:
            return await Store(connection).list(order_filter, after, limit)

    async def watch(self, order_id: str, caller: Caller = INTERNAL) -> AsyncIterator[Order]:
        """Yield the order as it is, then its latest revision each time it changes, until it has ended.

        Raises OrderNotFoundError or TooManyWatchesError.
        """
        with self.watches.open(caller), self.updates.subscribe(order_id) as subscription:
            subscription.publish(await self.get(order_id, caller))
            while True:
                order = await subscription.next()
                yield order
                if order.has_ended:
                    return

    async def cancel(self, key: RequestKey, order_id: str, caller: Caller = INTERNAL) -> Order:
        """Cancel a confirmed order, once for equal requests.

        Raises OrderNotFoundError, OrderStateError or RequestIdReusedError; then nothing is changed.
        """
        await self.get(order_id, caller)
        change = partial(_change_order, order_id, lambda order: order.cancelling(datetime.now(UTC)))
        # Several processes may cancel the order at once: the callees see each call once, and the log has one end.
        return await self._change_and_wait(order_id, key, change, self.saga.cancel)

    async def resume(self, key: RequestKey, order_id: str) -> Order:
        """Resume a parked order, once for equal requests.

        Raises OrderNotFoundError, OrderNotParkedError or RequestIdReusedError; then nothing is changed.
        """
        change = partial(_change_order, order_id, lambda order: order.resumed())
        return await self._change_and_wait(order_id, key, change, self.saga.finish)

    async def _create_order(self, cart: Cart) -> Order:
        items, currency = price_lines(cart.lines, await self.catalog.get_products(cart.lines))
        shipping_cents = 0
        if cart.destination is not None:
            shipping_cents = await self.shipping_quotes.quote(cart.destination, cart.pieces, currency)
        now = datetime.now(UTC)
        order = Order(
            id=str(uuid.uuid4()),
            customer=cart.customer,
            items=items,
            currency=currency,
            payment_token=cart.payment_token,
            create_time=now,
            update_time=now,
            destination=cart.destination,
            shipping_cents=shipping_cents,
        )
        check_total(order)
        return order

    async def _change_and_wait(self, order_id: str, key: RequestKey, change: Change, run_saga: RunSaga) -> Order:
        """Store a change, once for equal requests, run the saga, and return the order as `_wait_until_idle` does.

        If the caller leaves before that, the change is stored and the saga runs all the same.
        """
        # Subscribed before the saga starts, so that no update is missed and the order need not be read again.
        with self.updates.subscribe(order_id) as subscription:
            order = await self.background.run_to_completion(self._change_once(key, change, run_saga))
            if order.id == order_id:
                subscription.publish(order)
                return await _wait_until_idle(subscription, order)
        # An equal request, sent at the same time, has stored its own order.
        return await self._wait_until_idle(order.id)

    async def _change_once(self, key: RequestKey, change: Change, run_saga: RunSaga) -> Order:
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            order, changed = await run_once(connection, key, partial(change, store), store.get)
        # An equal request changes nothing: the saga runs already.
        if changed:
            self.updates.publish(order)
            if not order.has_ended:
                self.background.start(_run_until_taken_over(run_saga, order))
        return order

    async def _wait_until_idle(self, order_id: str) -> Order:
        """Return the order when no process works on it any more, or as it is when the time is up."""
        with self.updates.subscribe(order_id) as subscription:
            order = await self.get(order_id)
            subscription.publish(order)
            return await _wait_until_idle(subscription, order)


async def _wait_until_idle(subscription: Subscription, order: Order) -> Order:
    await before_deadline(_next_idle(subscription), MAX_WAIT_SECONDS)
    return subscription.latest or order


async def _next_idle(subscription: Subscription) -> None:
    while not (await subscription.next()).is_idle:
        pass


async def _run_until_taken_over(run_saga: RunSaga, order: Order) -> None:
    with suppress(TakenOverError):
        await run_saga(order)


async def _change_order(order_id: str, change: Callable[[Order], Order], store: Store) -> Order:
    before = await store.get(order_id, lock=True)
    after = change(before)
    return after if after is before else await store.update(after)
