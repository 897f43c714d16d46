"""Payments and the state changes that they allow."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """The state of a payment. VOIDED and REFUNDED are final."""

    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


# Each state can be reached from one other state only.
PREVIOUS_STATE = {State.CAPTURED: State.AUTHORIZED, State.VOIDED: State.AUTHORIZED, State.REFUNDED: State.CAPTURED}


class PaymentNotFoundError(Exception):
    """No payment has this id."""

    def __init__(self, payment: str) -> None:
        super().__init__(f"payment {payment} does not exist")


class PaymentStateError(Exception):
    """The payment is in a state that does not allow the change."""

    def __init__(self, payment: str, state: State, target: State) -> None:
        super().__init__(f"payment {payment} is {state.value} and cannot become {target.value}")
        self.metadata = {"state": state.value}


class PaymentDeclinedError(Exception):
    """The payer's bank declines the payment, for the reason `code`."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the payment was declined: {code}")
        self.metadata = {"decline_code": code}


@dataclass(frozen=True, slots=True)
class Authorization:
    """A request to authorize an amount, in cents of `currency`, with the payer's payment token."""

    cents: int
    currency: str
    token: str
    reference: str


@dataclass(frozen=True, slots=True)
class Payment:
    """An authorized amount in cents of `currency`, and its state."""

    id: str
    state: State
    cents: int
    currency: str
    reference: str
    create_time: datetime
    update_time: datetime

    def move_to(self, state: State, now: datetime) -> "Payment":
        """Return the payment in the new state; unchanged if it is in it already. Raises PaymentStateError."""
        if self.state is state:
            return self
        if PREVIOUS_STATE.get(state) is not self.state:
            raise PaymentStateError(self.id, self.state, state)
        return replace(self, state=state, update_time=now)
