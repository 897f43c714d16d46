"""The card processor, simulated: what the payer's bank answers follows from the payment token. README.md lists them."""

from services.payments.domain import PaymentDeclinedError

APPROVED = frozenset({"tok_visa", "tok_mastercard", "tok_amex"})
DECLINED = {
    "tok_declined": "CARD_DECLINED",
    "tok_expired": "CARD_EXPIRED",
    "tok_insufficient_funds": "INSUFFICIENT_FUNDS",
}
# What `tok_limited` has: it pays small amounts and refuses large ones.
LIMITED = "tok_limited"
LIMIT_CENTS = 10_000


def authorize(token: str, cents: int) -> None:
    """Set an amount aside at the payer's bank. Raises PaymentDeclinedError."""
    if token in APPROVED or (token == LIMITED and cents <= LIMIT_CENTS):
        return
    raise PaymentDeclinedError("INSUFFICIENT_FUNDS" if token == LIMITED else DECLINED.get(token, "UNKNOWN_TOKEN"))
