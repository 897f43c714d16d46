"""The saga of an order: the steps that place it, their compensation, and the cancellation of a confirmed order.

The log says how far an order may have come, and each call carries a request id derived from the order. So recovery can
send the calls of an unfinished order again, and nothing happens twice.

An order has three entries in the log: before its first step, before its last step, and its end. An entry costs a
commit, and more of them would help recovery little: it asks the callees what happened.
"""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from prometheus_client import Counter, Histogram

from services.orders.domain import Order, State
from services.orders.errors import PeerFailedError, StepRefusedError
from services.orders.progress import Call, Rejection, RejectionReason, SagaProgress, Step

logger = logging.getLogger(__name__)
ENDED = Counter(
    "shop_orders", "Orders that this process ended, by outcome, and by reason if rejected.", ["outcome", "reason"]
)
DURATION = Histogram(
    "shop_saga_duration_seconds",
    "From the time when an order was placed, or when its cancellation was requested, to its end.",
    ["outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
UNDO_FAILURES = Counter(
    "shop_saga_undo_failures", "Calls that failed while the saga undid an order. Recovery sends them again.", ["call"]
)
NO_REASON = "NONE"
for state in (State.CONFIRMED, State.CANCELLED):
    ENDED.labels(state.value, NO_REASON)
for reason in RejectionReason:
    if reason is not RejectionReason.UNSPECIFIED:
        ENDED.labels(State.REJECTED.value, reason.value)
for call in Call:
    if call is not Call.UNSPECIFIED:
        UNDO_FAILURES.labels(call.value)

# The rejection of an order whose process died while it placed the order.
INTERRUPTED = Rejection(RejectionReason.DEPENDENCY_FAILED, "placing the order was interrupted")

ReplyT = TypeVar("ReplyT")


class Log(Protocol):
    """Where orders are stored."""

    async def advance(self, order: Order) -> Order:
        """Store `order` and return it at its new revision. Raises TakenOverError if it is not the newest revision."""


class Inventory(Protocol):
    """The saga's calls to inventory. Each may raise PeerFailedError."""

    async def reserve(self, order: Order) -> str:
        """Reserve the items and return the reservation's name. Raises StepRefusedError."""

    async def commit(self, order: Order, reservation: str) -> None:
        """Sell the reserved stock."""

    async def release(self, order: Order, reservation: str) -> bool:
        """Release the reserved stock. Returns False and changes nothing if it is sold already."""

    async def return_stock(self, order: Order, reservation: str) -> None:
        """Return the sold stock."""


class Payments(Protocol):
    """The saga's calls to payments. Each may raise PeerFailedError."""

    async def authorize(self, order: Order) -> str:
        """Authorize the total and return the payment's name. Raises StepRefusedError."""

    async def capture(self, order: Order, payment: str) -> None:
        """Capture the authorized money."""

    async def void(self, order: Order, payment: str) -> bool:
        """Void the authorization. Returns False and changes nothing if the money is captured already."""

    async def refund(self, order: Order, payment: str) -> None:
        """Refund the captured money."""


class Shipping(Protocol):
    """The saga's calls to shipping. Each may raise PeerFailedError."""

    async def book(self, order: Order) -> str:
        """Book the shipment at the order's shipping price and return its name. Raises StepRefusedError."""

    async def cancel(self, order: Order, shipment: str) -> None:
        """Cancel the shipment."""


class UndoFailedError(Exception):
    """A call that undoes an order has failed."""

    def __init__(self, call: Call, failure: PeerFailedError) -> None:
        super().__init__(str(failure))
        self.call = call
        self.permanent = failure.permanent


@dataclass(frozen=True, slots=True)
class Saga:
    """Advances orders until they end. Each method raises TakenOverError if another process has advanced the order."""

    log: Log
    inventory: Inventory
    payments: Payments
    shipping: Shipping

    async def place(self, order: Order) -> Order:
        """Run the steps of a new order, as it was stored. Return it CONFIRMED, or as `compensate` does."""
        try:
            order = order.with_progress(order.progress.started())
            reservation = await self.inventory.reserve(order)
            order = order.with_progress(order.progress.reserved(reservation))
            payment = await self.payments.authorize(order)
            order = order.with_progress(order.progress.authorized(payment, is_shipped=order.is_shipped))
            if order.is_shipped:
                order = order.with_progress(order.progress.booked(await self.shipping.book(order)))
            # Side by side: whichever of the two happens alone, recovery knows what to undo.
            logged, captured = await asyncio.gather(
                self._advance(order, order.progress.committing()),
                self.payments.capture(order, payment),
                return_exceptions=True,
            )
            if isinstance(logged, BaseException):
                raise logged
            order = logged
            if isinstance(captured, BaseException):
                order = order.with_progress(order.progress.capture_failed())
                raise captured
            await self.inventory.commit(order, reservation)
            return await self._end(order.confirmed(datetime.now(UTC)), order.create_time)
        except StepRefusedError as refusal:
            progress = order.progress.refused(refusal.rejection)
        except PeerFailedError as failure:
            rejection = Rejection(RejectionReason.DEPENDENCY_FAILED, str(failure))
            # A permanent failure of the first call means that the step had no effect.
            undo = order.progress.refused if failure.permanent else order.progress.compensating
            progress = undo(rejection)
        return await self.compensate(order.with_progress(progress))

    async def compensate(self, order: Order) -> Order:
        """Undo all that an unfinished order may have taken.

        Returns the order REJECTED; or CONFIRMED, if its last step turns out to have happened; or PENDING, if a callee
        fails here too. Recovery then retries, or the order is parked.
        """
        order = await self._advance(order, order.progress.compensating(INTERRUPTED))
        # If the last step may have happened, inventory decides: either it has sold the stock, and the order is
        # confirmed; or it releases the stock, and a late commit can no longer succeed.
        may_be_sold = order.progress.step is Step.COMMIT
        if may_be_sold:
            try:
                if not await self._try_release(order):
                    return await self._end(order.confirmed(datetime.now(UTC)), order.create_time)
            except UndoFailedError as failure:
                return await self._postpone(order, [failure])
        undo_steps = [(self._find_shipment, self._cancel_shipment), (self._find_payment, self._return_money)]
        undo_steps += [] if may_be_sold else [(self._find_reservation, self._release)]
        failures: list[UndoFailedError] = []
        # The last step is undone first. If one cannot be undone, the others still are.
        for find, undo in undo_steps:
            try:
                order = await find(order)
                await undo(order)
            except UndoFailedError as failure:
                failures.append(failure)
        if failures:
            return await self._postpone(order, failures)
        return await self._end(order.rejected(datetime.now(UTC)), order.create_time)

    async def cancel(self, order: Order) -> Order:
        """Undo an order that is CANCELLING. It only goes forward: no callee may refuse, so nothing is compensated.

        Returns the order CANCELLED; or CANCELLING, if a callee fails. Recovery then retries, or the order is parked.
        """
        # For mypy: a confirmed order has both.
        assert order.progress.payment is not None  # noqa: S101
        assert order.progress.reservation is not None  # noqa: S101
        try:
            await self._cancel_shipment(order)
            await _undo(Call.REFUND, self.payments.refund(order, order.progress.payment))
            await _undo(Call.TAKE_BACK, self.inventory.return_stock(order, order.progress.reservation))
        except UndoFailedError as failure:
            return await self._postpone(order, [failure])
        return await self._end(order.cancelled(datetime.now(UTC)), order.update_time)

    async def finish(self, order: Order) -> Order:
        """Finish an order that no process works on. Return it as `cancel` or `compensate` does."""
        return await (self.cancel(order) if order.state is State.CANCELLING else self.compensate(order))

    async def _advance(self, order: Order, progress: SagaProgress) -> Order:
        return await self.log.advance(order.with_progress(progress))

    async def _end(self, order: Order, start: datetime) -> Order:
        """Store an order whose saga started at `start` and has ended now."""
        order = await self.log.advance(order)
        reason = order.rejection.reason.value if order.rejection is not None else None
        ENDED.labels(order.state.value, reason or NO_REASON).inc()
        DURATION.labels(order.state.value).observe((order.update_time - start).total_seconds())
        logger.info("order %s", order.state.value, extra={"order": order.id, "reason": reason})
        return order

    async def _postpone(self, order: Order, failures: list[UndoFailedError]) -> Order:
        """Store that undoing the order failed: recovery retries, or the order is parked."""
        for each in failures:
            UNDO_FAILURES.labels(each.call.value).inc()
        failure = next((each for each in failures if each.permanent), failures[0])
        progress = order.progress.failed(failure.call, datetime.now(UTC), permanent=failure.permanent)
        order = await self._advance(order, progress)
        extra = {
            "order": order.id,
            "call": failure.call.value,
            "failure": str(failure),
            "failures": order.progress.failures,
        }
        if order.progress.parking is None:
            logger.warning("undoing the order failed; recovery will retry", extra=extra)
        else:
            logger.error("order parked", extra={**extra, "reason": order.progress.parking.reason.value})
        return order

    # The outcome of a step may be unknown. Then the step is sent again under the same request id: the callee returns
    # what the first call created, or creates it now, so that a late first call has no further effect.

    async def _find_shipment(self, order: Order) -> Order:
        progress = order.progress
        if progress.shipment is not None or progress.step < Step.BOOK or not order.is_shipped:
            return order
        try:
            shipment = await _undo(Call.BOOK, self.shipping.book(order))
        except StepRefusedError:
            return order
        return order.with_progress(replace(progress, shipment=shipment))

    async def _cancel_shipment(self, order: Order) -> None:
        if order.progress.shipment is not None:
            await _undo(Call.CANCEL_SHIPMENT, self.shipping.cancel(order, order.progress.shipment))

    async def _find_payment(self, order: Order) -> Order:
        progress = order.progress
        if progress.payment is not None or progress.step < Step.AUTHORIZE:
            return order
        try:
            payment = await _undo(Call.AUTHORIZE, self.payments.authorize(order))
        except StepRefusedError:
            return order
        return order.with_progress(replace(progress, payment=payment))

    async def _return_money(self, order: Order) -> None:
        payment = order.progress.payment
        if payment is not None and not await _undo(Call.VOID, self.payments.void(order, payment)):
            await _undo(Call.REFUND, self.payments.refund(order, payment))

    async def _find_reservation(self, order: Order) -> Order:
        progress = order.progress
        if progress.reservation is not None or progress.step < Step.RESERVE:
            return order
        try:
            reservation = await _undo(Call.RESERVE, self.inventory.reserve(order))
        except StepRefusedError:
            return order
        return order.with_progress(replace(progress, reservation=reservation))

    async def _release(self, order: Order) -> None:
        if order.progress.reservation is not None and not await self._try_release(order):
            failure = PeerFailedError("inventory sold the stock of an order that was not committed", permanent=True)
            raise UndoFailedError(Call.RELEASE, failure)

    async def _try_release(self, order: Order) -> bool:
        """Release the stock. Return False if it is sold already."""
        assert order.progress.reservation is not None  # noqa: S101  # for mypy: the callers check it
        return await _undo(Call.RELEASE, self.inventory.release(order, order.progress.reservation))


async def _undo(call: Call, reply: Awaitable[ReplyT]) -> ReplyT:
    """Wait for the reply to a call that undoes an order, and return it. Raises UndoFailedError."""
    try:
        return await reply
    except PeerFailedError as failure:
        raise UndoFailedError(call, failure) from failure
