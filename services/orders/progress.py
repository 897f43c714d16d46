"""How far the saga of an order has come: the part of an order that serves recovery, not the customer."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum

# An order is parked after this many failed attempts to undo it. Recovery retries every 15 s, so this takes at least
# 45 minutes: most restarts, rollouts and outages of a callee are over by then and need no operator.
MAX_FAILURES = 180


class StoredEnum(StrEnum):
    """An enum that is stored by its value. A value that only newer code knows is read as UNSPECIFIED."""

    @classmethod
    def _missing_(cls, _: object) -> "StoredEnum":
        return cls["UNSPECIFIED"]


class RejectionReason(StoredEnum):
    """Why an order is rejected."""

    UNSPECIFIED = "UNSPECIFIED"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    DEPENDENCY_FAILED = "DEPENDENCY_FAILED"
    SHIPPING_REFUSED = "SHIPPING_REFUSED"


class Step(IntEnum):
    """The steps of placing an order, in sequence. BOOK is skipped if the order is not shipped."""

    UNSPECIFIED = -1
    NONE = 0
    RESERVE = 1
    AUTHORIZE = 2
    BOOK = 3
    CAPTURE = 4
    COMMIT = 5


class Call(StoredEnum):
    """A call to a callee that undoes an order. The first three repeat a step, to find out what it did."""

    UNSPECIFIED = "UNSPECIFIED"
    RESERVE = "RESERVE"
    AUTHORIZE = "AUTHORIZE"
    BOOK = "BOOK"
    RELEASE = "RELEASE"
    CANCEL_SHIPMENT = "CANCEL_SHIPMENT"
    VOID = "VOID"
    REFUND = "REFUND"
    TAKE_BACK = "TAKE_BACK"


class ParkingReason(StoredEnum):
    """Why an order is parked: a callee refused a call that its contract does not let it refuse, or failed too often."""

    UNSPECIFIED = "UNSPECIFIED"
    REFUSED = "REFUSED"
    EXHAUSTED = "EXHAUSTED"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an order is rejected: a reason for programs and a sentence for people."""

    reason: RejectionReason
    message: str


@dataclass(frozen=True, slots=True)
class Parking:
    """The mark of an order that recovery leaves alone until an operator resumes it.

    `time` is when it was parked, `call` is the call that failed.
    """

    time: datetime
    call: Call
    reason: ParkingReason


@dataclass(frozen=True, slots=True)
class SagaProgress:
    """How far the saga of one order has come. Immutable: each step returns a new value.

    `step` is the last step that may have happened. In the log of an order it is the last one before the next entry, so
    any of the steps up to it may have happened. While `Saga.place` runs it is the current one: those before it have.
    `reservation`, `payment` and `shipment` are resource names of the callees, None until they are known.
    With a `rejection` the saga runs backwards: it undoes what the order took.
    `revision` counts how often the order was stored. An update names the revision that it was made from, and an
    unfinished order that stays at one revision has lost its process.
    `failures` counts how often undoing the order failed.
    """

    step: Step = Step.CAPTURE
    reservation: str | None = None
    payment: str | None = None
    shipment: str | None = None
    rejection: Rejection | None = None
    revision: int = 0
    failures: int = 0
    parking: Parking | None = None

    def started(self) -> "SagaProgress":
        """Return the progress of an order that is placed now. The stock is reserved next."""
        return replace(self, step=Step.RESERVE)

    def reserved(self, reservation: str) -> "SagaProgress":
        """Return the progress after the stock was reserved. The payment is authorized next."""
        return replace(self, reservation=reservation, step=Step.AUTHORIZE)

    def authorized(self, payment: str, *, is_shipped: bool) -> "SagaProgress":
        """Return the progress after the payment was authorized. The shipment is booked next, if there is one."""
        return replace(self, payment=payment, step=Step.BOOK if is_shipped else Step.CAPTURE)

    def booked(self, shipment: str) -> "SagaProgress":
        """Return the progress after the shipment was booked. The payment is captured next."""
        return replace(self, shipment=shipment, step=Step.CAPTURE)

    def committing(self) -> "SagaProgress":
        """Return the progress before the stock is committed, which is the last step."""
        return replace(self, step=Step.COMMIT)

    def capture_failed(self) -> "SagaProgress":
        """Return the progress after capturing the payment has failed: the stock was not committed."""
        return replace(self, step=Step.CAPTURE)

    def refused(self, rejection: Rejection) -> "SagaProgress":
        """Return the progress after the current step was refused and had no effect. Earlier steps are undone next."""
        return replace(self, rejection=rejection, step=Step(self.step - 1))

    def compensating(self, rejection: Rejection) -> "SagaProgress":
        """Return the progress for undoing all steps, also the current one. The first rejection stays."""
        return replace(self, rejection=self.rejection or rejection)

    def failed(self, call: Call, now: datetime, *, permanent: bool) -> "SagaProgress":
        """Return the progress after `call` failed: for recovery to retry, or parked.

        It is parked if the failure is permanent or the MAX_FAILURES-th.
        """
        failures = self.failures + 1
        if not permanent and failures < MAX_FAILURES:
            return replace(self, failures=failures)
        reason = ParkingReason.REFUSED if permanent else ParkingReason.EXHAUSTED
        return replace(self, failures=failures, parking=Parking(now, call, reason))

    def reset_failures(self) -> "SagaProgress":
        """Return the progress without failures and parking."""
        return replace(self, failures=0, parking=None)
