"""The parts of a local mesh without which the shop works, too."""

from enum import StrEnum


class Part(StrEnum):
    """A part that `mesh up --without` leaves out."""

    OBSERVABILITY = "observability"
    """Everything in the namespace observability."""
    PROBER = "prober"
    """The customer that places an order every 15 seconds."""
