"""`mesh logs --trace` and `--order`: what services and proxies logged about a call or an order, the oldest first."""

from rich.text import Text

from mesh.local.clients import signals
from mesh.local.clients.signals import Line
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import load_running
from mesh.local.story.lines import PROXY, details, workload
from mesh.local.terminal import console

COLORS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def run(name: str, *, trace: str | None, order: str | None) -> int:
    """Print the lines of a trace, or those of all traces of an order. Raises MeshError."""
    mesh = load_running(name)
    lines = signals.settled(lambda: _find(mesh, trace, order))
    if not lines:
        raise MeshError(f"no log line belongs to {trace or order}", why="it does not exist, or is older than 7 days")
    for line in lines:
        console.print(_format(line), soft_wrap=True)
    return 0


def _find(mesh: Instance, trace: str | None, order: str | None) -> list[Line]:
    traces = [trace] if trace else signals.traces_of_order(mesh, order or "")
    return signals.find_lines(mesh, signals.in_traces(traces)) if traces else []


def _format(line: Line) -> Text:
    clock = line.time.partition("T")[2].rstrip("Z")[:12].ljust(12, "0")
    source = workload(line) + (" (proxy)" if line.container == PROXY else "")
    return Text.assemble(
        (clock, "dim"), f" {source:21} ", (line.message, COLORS.get(line.level, "")), (f"  {details(line)}", "dim")
    )
