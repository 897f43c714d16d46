"""The results of a comparison."""

from dataclasses import dataclass, field
from enum import Enum, auto

from tools.breaking.image import Element


class Level(Enum):
    """What a change breaks, the most severe first."""

    WIRE = "wire"
    JSON = "JSON"
    BEHAVIOUR = "behaviour"
    POLICY = "policy"
    SOURCE = "source"

    @property
    def meaning(self) -> str:
        """Return what breaks, in a sentence."""
        return MEANINGS[self]


MEANINGS = {
    Level.WIRE: "old and new programs misread each other's messages or reject each other's calls",
    Level.JSON: "REST and grpcurl callers misread or miss it; code that names it must change",
    Level.BEHAVIOUR: "messages stay readable, but something that was accepted or promised no longer is",
    Level.POLICY: "the mesh denies, delays or limits calls that it allowed, until all programs are replaced",
    Level.SOURCE: "code must change; running programs are not affected",
}


class Reach(Enum):
    """Which users of a changed element are affected."""

    ALL = auto()
    SENDERS = auto()
    """Callers that send it in a request."""
    OUTSIDE = auto()
    """Callers through the gateway."""


@dataclass(frozen=True)
class Finding:
    """A breaking change."""

    level: Level
    rule: str
    """The name of buf's rule, or of a rule in advice.py."""
    subject: str
    """The full name of the changed element before the change."""
    description: str
    """The change, in a sentence."""
    location: str
    """`file:line`."""
    holders: frozenset[str]
    """The messages, enums or methods that contain the changed element."""
    element: Element | None = field(default=None, compare=False)
    """The changed element before the change; None if it is not a single element."""
    reach: Reach = Reach.ALL
    users: tuple[tuple[str, str], ...] = ()
    """The affected services with how they use it, if these do not follow from `holders`."""


@dataclass(frozen=True, order=True)
class Note:
    """A compatible change."""

    category: str
    description: str


def location_of(element: Element | None, file: str = "") -> str:
    """Return `file:line` of an element, relative to the checkout; without an element, the first line of the file."""
    return f"proto/{element.file}:{element.start[0]}" if element else f"proto/{file}:1"


def behavioural(rule: str, before: Element, now: Element, description: str, reach: Reach = Reach.ALL) -> Finding:
    """Create a finding of the level BEHAVIOUR about an element that exists before and now."""
    holders = frozenset({before.holder})
    return Finding(Level.BEHAVIOUR, rule, before.name, description, location_of(now), holders, before, reach)
