"""What a comparison finds."""

from dataclasses import dataclass, field
from enum import Enum, auto

from tools.breaking.image import Element


class Level(Enum):
    """What a change breaks, the worst first."""

    WIRE = "wire"
    JSON = "JSON"
    BEHAVIOUR = "behaviour"
    SOURCE = "source"

    @property
    def told(self) -> str:
        """Say what it means."""
        return MEANINGS[self]


MEANINGS = {
    Level.WIRE: "old and new programs misread each other, or refuse each other's calls",
    Level.JSON: "callers over REST and grpcurl misread or miss it; code must change where it names it",
    Level.BEHAVIOUR: "messages read as before, but what was accepted or promised no longer is",
    Level.SOURCE: "code must change, running programs do not notice",
}


class Reach(Enum):
    """Whom a change breaks, of those who meet what it changes."""

    EVERYBODY = auto()
    SENDERS = auto()
    """Those who send it in a request."""
    OUTSIDE = auto()
    """Those who call through the gateway."""


@dataclass(frozen=True)
class Finding:
    """One change that breaks somebody."""

    level: Level
    rule: str
    """The kind of change: the name of buf's rule, or of one in advice.py."""
    subject: str
    """What is changed, by the full name that it had before."""
    told: str
    """What has become of it, in a sentence."""
    place: str
    """`file:line`."""
    holders: frozenset[str]
    """The messages, enums or methods by which others meet it."""
    element: Element | None = field(default=None, compare=False)
    """What is changed, as it was before; None if it is not one thing."""
    reach: Reach = Reach.EVERYBODY


@dataclass(frozen=True, order=True)
class Note:
    """One change that breaks nobody."""

    kind: str
    told: str


def place(element: Element | None, file: str = "") -> str:
    """Answer where an element stands, from the checkout's root; of none, where its file begins."""
    return f"proto/{element.file}:{element.begin[0]}" if element else f"proto/{file}:1"


def behavioural(rule: str, before: Element, now: Element, told: str, reach: Reach = Reach.EVERYBODY) -> Finding:
    """Make a finding about how an element behaves; it is there before and now."""
    holders = frozenset({before.holder})
    return Finding(Level.BEHAVIOUR, rule, before.name, told, place(now), holders, before, reach)
