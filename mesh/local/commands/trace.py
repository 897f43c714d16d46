"""`mesh trace`: the spans of a call or an order as a waterfall in the terminal."""

import re

from rich.table import Table
from rich.text import Text

from mesh.local.clients import signals
from mesh.local.clients.signals import Span
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import load_running
from mesh.local.story.spans import describe, walk
from mesh.local.terminal import console

TRACE_ID = re.compile("[0-9a-f]{32}")
BAR_WIDTH = 40
"""Columns."""
COLORS = {"SERVER": "green", "CLIENT": "cyan", "PRODUCER": "magenta", "CONSUMER": "yellow"}


def run(name: str, what: str) -> int:
    """Draw a trace, or each trace of an order. Raises MeshError."""
    mesh = load_running(name)
    traces = signals.settled(lambda: _find(mesh, what))
    if not any(traces.values()):
        why = "its spans are no longer in memory" if traces else "no log line names it"
        raise MeshError(f"no trace of {what}", why=why)
    for trace, spans in traces.items():
        if spans:
            _draw(trace, spans)
    return 0


def _find(mesh: Instance, what: str) -> dict[str, list[Span]]:
    traces = [what] if TRACE_ID.fullmatch(what) else signals.traces_of_order(mesh, what)
    return {trace: signals.find_trace(mesh, trace) for trace in traces}


def _draw(trace: str, spans: list[Span]) -> None:
    start = min(span.start for span in spans)
    length = max(max(span.start + span.duration for span in spans) - start, 1e-6)
    table = Table(box=None, pad_edge=False, title=f"{trace}: {len(spans)} spans, {length * 1000:.1f} ms")
    table.title_justify = "left"
    for column, justify in (("SERVICE", "left"), ("SPAN", "left"), ("MS", "right"), ("", "left")):
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # rich's own literals
    for depth, span in walk(spans):
        color = "red" if span.failed else COLORS.get(span.kind, "")
        before = round((span.start - start) / length * BAR_WIDTH)
        bar = Text(" " * before + "█" * max(round(span.duration / length * BAR_WIDTH), 1), color)
        service = span.service + (" (proxy)" if span.is_proxy else "")
        table.add_row(Text(service), Text("  " * depth + describe(span)), f"{span.duration * 1000:.1f}", bar)
    console.print(table)
