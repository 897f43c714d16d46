"""google.type.Money as whole cents, the integers that are stored and reckoned with."""

from google.type import money_pb2

# Nanos in a cent. Every currency that the contracts take has cents; one that has none or more would need its own unit.
CENT = 10_000_000


def to_cents(money: money_pb2.Money) -> int:
    """Reckon the amount in cents; `money.nanos` must be a multiple of CENT."""
    return money.units * 100 + money.nanos // CENT


def from_cents(cents: int, currency: str) -> money_pb2.Money:
    """Make the message for an amount in cents. Units and nanos have the same sign, as google.type.Money asks."""
    units, rest = divmod(abs(cents), 100)
    sign = -1 if cents < 0 else 1
    return money_pb2.Money(currency_code=currency, units=sign * units, nanos=sign * rest * CENT)
