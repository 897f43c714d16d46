"""google.type.Money as whole cents: the integers that services store and calculate with."""

from google.type import money_pb2

# Nanos in a cent. Every currency that the contracts allow has cents; others would need another unit.
CENT_NANOS = 10_000_000


def to_cents(money: money_pb2.Money) -> int:
    """Convert an amount to cents; `money.nanos` must be a multiple of CENT_NANOS."""
    return money.units * 100 + money.nanos // CENT_NANOS


def from_cents(cents: int, currency: str) -> money_pb2.Money:
    """Convert cents to a message."""
    money = money_pb2.Money()
    set_cents(money, cents, currency)
    return money


def set_cents(money: money_pb2.Money, cents: int, currency: str) -> None:
    """Set an amount in place. Units and nanos have the same sign, as google.type.Money requires."""
    units, rest = divmod(abs(cents), 100)
    sign = -1 if cents < 0 else 1
    money.currency_code = currency
    money.units = sign * units
    money.nanos = sign * rest * CENT_NANOS
