"""What may become of a payment. Standard library alone."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """Where a payment's money is. VOIDED and REFUNDED are final."""

    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


# Which state each can be reached from: money is collected or let go once, and paid back only if it was collected.
BEFORE = {State.CAPTURED: State.AUTHORIZED, State.VOIDED: State.AUTHORIZED, State.REFUNDED: State.CAPTURED}


class PaymentNotFoundError(Exception):
    """There is no such payment."""

    def __init__(self, payment: str) -> None:
        super().__init__(f"there is no payment {payment}")


class PaymentStateError(Exception):
    """The payment's money is not where it would have to be."""

    def __init__(self, payment: str, state: State, wanted: State) -> None:
        super().__init__(f"payment {payment} is {state.value} and cannot become {wanted.value}")
        self.metadata = {"state": state.value}


class PaymentDeclinedError(Exception):
    """The payer's bank refuses; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the payment was declined: {code}")
        self.metadata = {"decline_code": code}


@dataclass(frozen=True, slots=True)
class Authorization:
    """How much to set aside, and from whom."""

    cents: int
    currency: str
    token: str
    reference: str


@dataclass(frozen=True, slots=True)
class Payment:
    """An amount that a payer was asked for, and where it is."""

    id: str
    state: State
    cents: int
    currency: str
    reference: str
    create_time: datetime
    update_time: datetime

    def become(self, state: State, now: datetime) -> "Payment":
        """Move the whole amount. Raises PaymentStateError unless the payment can be so or is so already."""
        if self.state is state:
            return self
        if BEFORE.get(state) is not self.state:
            raise PaymentStateError(self.id, self.state, state)
        return replace(self, state=state, update_time=now)
