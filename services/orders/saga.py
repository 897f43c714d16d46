"""The placing of an order: step by step forward, or back to where nothing is held. And the undoing of a placed one.

Every step is in the log before it is begun, and its call carries a request id derived from the order. So whoever finds
an unfinished order can send its calls again without doing anything twice.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from services.orders.domain import Order, Reason, Rejection, State, Step

logger = logging.getLogger(__name__)

# Why an order is given up whose process ended in the middle of its placing.
INTERRUPTED = Rejection(Reason.DEPENDENCY_FAILED, "the placing of the order was interrupted")


class RefusedError(Exception):
    """A callee refused a step for a reason of its business, and took nothing."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


class PeerFailedError(Exception):
    """A callee did not answer, or not as its contract says: whether the step happened is not known."""


class Log(Protocol):
    """Where orders are kept."""

    async def advance(self, order: Order) -> Order:
        """Store `order` in place of the revision it was made from. Raises TakenOverError if that is not the newest."""


class Stock(Protocol):
    """What the saga asks of inventory. Every method may raise PeerFailedError."""

    async def reserve(self, order: Order) -> str:
        """Hold the items back and answer the reservation. Raises RefusedError."""

    async def commit(self, order: Order, reservation: str) -> None:
        """Sell what is held."""

    async def release(self, order: Order, reservation: str) -> bool:
        """Give back what is held; False, changing nothing, if it is sold already."""

    async def take_back(self, order: Order, reservation: str) -> None:
        """Take back what is sold."""


class Payments(Protocol):
    """What the saga asks of payments. Every method may raise PeerFailedError."""

    async def authorize(self, order: Order) -> str:
        """Set the total aside and answer the payment. Raises RefusedError."""

    async def capture(self, order: Order, payment: str) -> None:
        """Collect the money that was set aside."""

    async def void(self, order: Order, payment: str) -> bool:
        """Let the money go; False, changing nothing, if it is collected already."""

    async def refund(self, order: Order, payment: str) -> None:
        """Pay the collected money back."""


class Shipping(Protocol):
    """What the saga asks of shipping. Every method may raise PeerFailedError."""

    async def book(self, order: Order) -> str:
        """Book the shipment at the price that the order has, and answer it. Raises RefusedError."""

    async def cancel(self, order: Order, shipment: str) -> None:
        """Take the booking back."""


@dataclass(frozen=True, slots=True)
class Saga:
    """Carries orders to an end, with the callees' help."""

    log: Log
    stock: Stock
    payments: Payments
    shipping: Shipping

    async def place(self, order: Order) -> Order:
        """Carry a new order forward, as it was stored; answer as `give_back` does. Raises TakenOverError."""
        try:
            reservation = await self.stock.reserve(order)
            order = await self.log.advance(order.reserved(reservation))
            payment = await self.payments.authorize(order)
            order = await self.log.advance(order.authorized(payment))
            if order.destination is not None:
                order = await self.log.advance(order.booked(await self.shipping.book(order)))
            await self.payments.capture(order, payment)
            order = await self.log.advance(order.captured())
            await self.stock.commit(order, reservation)
            return await self._end(order.confirmed(datetime.now(UTC)))
        except RefusedError as refusal:
            order = order.refused(refusal.rejection)
        except PeerFailedError as failure:
            order = order.given_up(Rejection(Reason.DEPENDENCY_FAILED, str(failure)))
        return await self.give_back(order)

    async def give_back(self, order: Order) -> Order:
        """Undo whatever an unfinished order may have taken. Raises TakenOverError.

        Answers the order REJECTED; or CONFIRMED, if its last step turns out to have happened; or PENDING, if a callee
        fails here too: it is to be given back later.
        """
        order = await self.log.advance(order.given_up(INTERRUPTED))
        try:
            # The stock first: if it is sold by now the order has come to its good end, and the rest must stay. Then the
            # rest, the last step first.
            if not await self._return_stock(order):
                return await self._end(order.confirmed(datetime.now(UTC)))
            await self._return_shipment(order)
            await self._return_money(order)
        except PeerFailedError:
            logger.exception("order left unfinished", extra={"order": order.id, "step": order.step.name})
            return order
        return await self._end(order.rejected(datetime.now(UTC)))

    async def cancel(self, order: Order) -> Order:
        """Undo an order that is CANCELLING: forward alone, since nobody refuses. Raises TakenOverError.

        Answers the order CANCELLED; or CANCELLING, if a callee fails: it is to be cancelled later.
        """
        # For mypy: a confirmed order has both.
        assert order.payment is not None  # noqa: S101
        assert order.reservation is not None  # noqa: S101
        try:
            if order.shipment is not None:
                await self.shipping.cancel(order, order.shipment)
            await self.payments.refund(order, order.payment)
            await self.stock.take_back(order, order.reservation)
        except PeerFailedError:
            logger.exception("order left to be cancelled", extra={"order": order.id})
            return order
        return await self._end(order.cancelled(datetime.now(UTC)))

    async def carry_on(self, order: Order) -> Order:
        """Bring an unfinished order that nobody is at to its end, or leave it for later. Raises TakenOverError."""
        return await (self.cancel(order) if order.state is State.CANCELLING else self.give_back(order))

    async def _end(self, order: Order) -> Order:
        order = await self.log.advance(order)
        reason = order.rejection.reason.value if order.rejection is not None else None
        logger.info("order %s", order.state.value, extra={"order": order.id, "reason": reason})
        return order

    async def _return_stock(self, order: Order) -> bool:
        if order.step < Step.RESERVE:
            return True
        try:
            # If its outcome is not known it is sent again, under the same id: that answers the reservation that was
            # made, or makes one that a late first call will find instead of making its own.
            reservation = order.reservation or await self.stock.reserve(order)
        except RefusedError:
            return True
        return await self.stock.release(order, reservation)

    async def _return_shipment(self, order: Order) -> None:
        if order.step < Step.BOOK or order.destination is None:
            return
        try:
            shipment = order.shipment or await self.shipping.book(order)
        except RefusedError:
            return
        await self.shipping.cancel(order, shipment)

    async def _return_money(self, order: Order) -> None:
        if order.step < Step.AUTHORIZE:
            return
        try:
            payment = order.payment or await self.payments.authorize(order)
        except RefusedError:
            return
        if not await self.payments.void(order, payment):
            await self.payments.refund(order, payment)
