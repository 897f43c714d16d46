"""The placing of an order: step by step forward, or back to where nothing is held. And the undoing of a placed one.

Every step is in the log before it is begun, and its call carries a request id derived from the order. So whoever finds
an unfinished order can send its calls again without doing anything twice.
"""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from services.orders.domain import Call, Order, Reason, Rejection, State, Step

logger = logging.getLogger(__name__)

# Why an order is given up whose process ended in the middle of its placing.
INTERRUPTED = Rejection(Reason.DEPENDENCY_FAILED, "the placing of the order was interrupted")


class RefusedError(Exception):
    """A callee refused a step for a reason of its business, and took nothing."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


class PeerFailedError(Exception):
    """A callee did not answer, or not as its contract says: whether the step happened is not known.

    If it was `refused`, the callee itself said that the call cannot be carried out, now or later: sent for the first
    time, it took nothing.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class StuckError(Exception):
    """A call without which an order cannot be undone has failed."""

    def __init__(self, call: Call, failure: PeerFailedError) -> None:
        super().__init__(str(failure))
        self.call = call
        self.refused = failure.refused


Answer = TypeVar("Answer")


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
            rejection = Rejection(Reason.DEPENDENCY_FAILED, str(failure))
            order = order.refused(rejection) if failure.refused else order.given_up(rejection)
        return await self.give_back(order)

    async def give_back(self, order: Order) -> Order:
        """Undo whatever an unfinished order may have taken. Raises TakenOverError.

        Answers the order REJECTED; or CONFIRMED, if its last step turns out to have happened; or PENDING, if a callee
        fails here too: it is to be given back later, or parked.
        """
        order = await self.log.advance(order.given_up(INTERRUPTED))
        # The last step may have happened: then the order has come to its good end, and everything must stay. Whether it
        # did, the stock tells, and by being released rules it out for good.
        sold_or_not = order.step is Step.COMMIT
        if sold_or_not:
            try:
                if not await self._released(order):
                    return await self._end(order.confirmed(datetime.now(UTC)))
            except StuckError as stuck:
                return await self._leave(order, [stuck])
        undoings = [(self._with_shipment, self._unbook), (self._with_payment, self._repay)]
        undoings += [] if sold_or_not else [(self._with_reservation, self._release)]
        failures: list[StuckError] = []
        # The last step first. One that fails does not keep the others from giving back what they can.
        for learn, undo in undoings:
            try:
                order = await learn(order)
                await undo(order)
            except StuckError as stuck:
                failures.append(stuck)
        if failures:
            return await self._leave(order, failures)
        return await self._end(order.rejected(datetime.now(UTC)))

    async def cancel(self, order: Order) -> Order:
        """Undo an order that is CANCELLING: forward alone, since nobody refuses. Raises TakenOverError.

        Answers the order CANCELLED; or CANCELLING, if a callee fails: it is to be cancelled later, or parked.
        """
        # For mypy: a confirmed order has both.
        assert order.payment is not None  # noqa: S101
        assert order.reservation is not None  # noqa: S101
        try:
            await self._unbook(order)
            await _asked(Call.REFUND, self.payments.refund(order, order.payment))
            await _asked(Call.TAKE_BACK, self.stock.take_back(order, order.reservation))
        except StuckError as stuck:
            return await self._leave(order, [stuck])
        return await self._end(order.cancelled(datetime.now(UTC)))

    async def carry_on(self, order: Order) -> Order:
        """Bring an unfinished order that nobody is at to its end, or leave it for later. Raises TakenOverError."""
        return await (self.cancel(order) if order.state is State.CANCELLING else self.give_back(order))

    async def _end(self, order: Order) -> Order:
        order = await self.log.advance(order)
        reason = order.rejection.reason.value if order.rejection is not None else None
        logger.info("order %s", order.state.value, extra={"order": order.id, "reason": reason})
        return order

    async def _leave(self, order: Order, failures: list[StuckError]) -> Order:
        stuck = next((failure for failure in failures if failure.refused), failures[0])
        order = await self.log.advance(order.failed(stuck.call, datetime.now(UTC), refused=stuck.refused))
        extra = {"order": order.id, "call": stuck.call.value, "failure": str(stuck), "failures": order.failures}
        if order.parking is None:
            logger.warning("order left for later", extra=extra)
        else:
            logger.error("order parked", extra={**extra, "reason": order.parking.reason.value})
        return order

    # What a step did whose outcome is not known is told by sending it again, under the same id: that answers what was
    # made, or makes what a late first call will find instead of making its own.

    async def _with_shipment(self, order: Order) -> Order:
        if order.shipment is not None or order.step < Step.BOOK or order.destination is None:
            return order
        try:
            return replace(order, shipment=await _asked(Call.BOOK, self.shipping.book(order)))
        except RefusedError:
            return order

    async def _unbook(self, order: Order) -> None:
        if order.shipment is not None:
            await _asked(Call.CANCEL_SHIPMENT, self.shipping.cancel(order, order.shipment))

    async def _with_payment(self, order: Order) -> Order:
        if order.payment is not None or order.step < Step.AUTHORIZE:
            return order
        try:
            return replace(order, payment=await _asked(Call.AUTHORIZE, self.payments.authorize(order)))
        except RefusedError:
            return order

    async def _repay(self, order: Order) -> None:
        if order.payment is not None and not await _asked(Call.VOID, self.payments.void(order, order.payment)):
            await _asked(Call.REFUND, self.payments.refund(order, order.payment))

    async def _with_reservation(self, order: Order) -> Order:
        if order.reservation is not None or order.step < Step.RESERVE:
            return order
        try:
            return replace(order, reservation=await _asked(Call.RESERVE, self.stock.reserve(order)))
        except RefusedError:
            return order

    async def _release(self, order: Order) -> None:
        if order.reservation is not None and not await self._released(order):
            raise StuckError(Call.RELEASE, PeerFailedError("inventory sold what was not to be sold", refused=True))

    async def _released(self, order: Order) -> bool:
        assert order.reservation is not None  # noqa: S101  # for mypy: whoever asks has seen to it
        return await _asked(Call.RELEASE, self.stock.release(order, order.reservation))


async def _asked(call: Call, answer: Awaitable[Answer]) -> Answer:
    """Await the answer to a call that an order cannot be undone without. Raises StuckError."""
    try:
        return await answer
    except PeerFailedError as failure:
        raise StuckError(call, failure) from failure
