"""What the stores of logs and traces have about an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


def observe(mesh: Instance, order_id: str) -> Observed:
    """Read what there is now. If one of the stores does not respond, the result has what the other one knows."""
    problems: dict[str, MeshError] = {}
    found: list[str] = []
    for store, find in (("traces", signals.traces_with_events_of), ("logs", signals.traces_with_lines_of)):
        try:
            found += find(mesh, order_id)
        except MeshError as error:
            problems[store] = error
    traces = list(dict.fromkeys(found))
    spans = {} if "traces" in problems else {trace: signals.find_trace(mesh, trace) for trace in traces}
    oldest_first = sorted((each for each in spans.items() if each[1]), key=lambda each: each[1][0].start)
    lines = signals.find_lines(mesh, signals.in_traces(traces)) if traces and "logs" not in problems else []
    return Observed(lines, dict(oldest_first), timeline.from_signals(order_id, dict(oldest_first), lines), problems)
