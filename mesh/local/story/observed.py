"""What the stores of logs and traces have about an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.local.clients import signals
from mesh.local.clients.signals import Line, Span
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.story import timeline
from mesh.local.story.timeline import Entry


@dataclass(frozen=True)
class Observed:
    """The lines of all services and proxies, the spans by trace, and the timeline that follows from both."""

    lines: Sequence[Line]
    traces: Mapping[str, Sequence[Span]]
    entries: Sequence[Entry]
    problems: Mapping[str, MeshError]
    """What could not be read: "logs", "traces"."""


class Stores(Protocol):
    """The stores of logs and traces: `mesh.local.clients.signals`."""

    def traces_with_events_of(self, mesh: Instance, order_id: str, /) -> list[str]:
        """Return the ids of the traces in which events about an order were sent."""

    def traces_with_lines_of(self, mesh: Instance, order_id: str, /) -> list[str]:
        """Return the ids of the traces whose log lines name an order."""

    def find_trace(self, mesh: Instance, trace_id: str, /) -> list[Span]:
        """Return the spans of a trace."""

    def find_lines(self, mesh: Instance, query: str, /) -> list[Line]:
        """Return the lines that match a query."""


def observe(mesh: Instance, order_id: str, stores: Stores = signals) -> Observed:
    """Read what there is now. If one of the stores does not respond, the result has what the other one knows."""
    problems: dict[str, MeshError] = {}
    found: list[str] = []
    for store, find in (("traces", stores.traces_with_events_of), ("logs", stores.traces_with_lines_of)):
        try:
            found += find(mesh, order_id)
        except MeshError as error:
            problems[store] = error
    traces = list(dict.fromkeys(found))
    spans = {} if "traces" in problems else {trace: stores.find_trace(mesh, trace) for trace in traces}
    oldest_first = sorted((each for each in spans.items() if each[1]), key=lambda each: each[1][0].start)
    lines = stores.find_lines(mesh, signals.in_traces(traces)) if traces and "logs" not in problems else []
    return Observed(lines, dict(oldest_first), timeline.from_signals(order_id, dict(oldest_first), lines), problems)
