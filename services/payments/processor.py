"""A simulated card processor: the payment token alone decides the result. README.md lists the tokens."""

from prometheus_client import Counter

from services.payments.domain import PaymentDeclinedError

APPROVED = frozenset({"tok_visa", "tok_mastercard", "tok_amex"})
DECLINED = {
    "tok_declined": "CARD_DECLINED",
    "tok_expired": "CARD_EXPIRED",
    "tok_insufficient_funds": "INSUFFICIENT_FUNDS",
}
# This token is approved up to the limit and declined above it.
LIMITED = "tok_limited"
LIMIT_CENTS = 10_000
UNKNOWN = "UNKNOWN_TOKEN"
DECLINES = Counter("shop_payments_declined", "Payments that the payer's bank declined, by its reason.", ["code"])
for code in (*DECLINED.values(), UNKNOWN):
    DECLINES.labels(code)


def authorize(token: str, cents: int) -> None:
    """Authorize an amount at the payer's bank. Raises PaymentDeclinedError."""
    if token in APPROVED or (token == LIMITED and cents <= LIMIT_CENTS):
        return
    reason = "INSUFFICIENT_FUNDS" if token == LIMITED else DECLINED.get(token, UNKNOWN)
    DECLINES.labels(reason).inc()
    raise PaymentDeclinedError(reason)
