"""The orders that were processed last, from the lines that orders has logged about them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.local.clients import signals
from mesh.local.clients.signals import Line
from mesh.local.instance import Instance
from mesh.local.story.timeline import STATES

OWNER = "orders"
"""The service whose lines have the state of an order."""
MAX_LINES, MAX_ORDERS = 500, 30


@dataclass(frozen=True)
class RecentOrder:
    """An order, and what its newest line says. `state` is a final state, or PENDING with what is wrong in `note`."""

    id: str
    state: str
    note: str
    time: str
    """RFC 3339."""


def recent_orders(mesh: Instance) -> list[RecentOrder]:
    """Return the orders with the newest lines, the newest first. Raises MeshError."""
    # Others write about orders too: the prober, for example, about what it has bought.
    return summarize(signals.find_lines(mesh, f"service:={OWNER} order:* | sort by (_time desc) limit {MAX_LINES}"))


def summarize(lines: Iterable[Line]) -> list[RecentOrder]:
    """Return the orders that lines are about, the one with the newest line first. `lines` are the oldest first."""
    newest: dict[str, Line] = {}
    for line in lines:
        # Removed first, so that the order moves to the end.
        newest.pop(line.fields["order"], None)
        newest[line.fields["order"]] = line
    return [_summary(order, line) for order, line in reversed(newest.items())][:MAX_ORDERS]


def _summary(order: str, line: Line) -> RecentOrder:
    state = line.message.removeprefix("order ")
    if state in STATES:
        return RecentOrder(order, state, line.fields.get("reason", ""), line.time)
    return RecentOrder(order, "PENDING", line.message, line.time)
