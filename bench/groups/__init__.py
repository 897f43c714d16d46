"""The groups of measurements, each in a separate module. `GROUPS` lists them in the order in which they run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.context import Bench
from bench.figures import Figure
from bench.groups.console import measure_console
from bench.groups.features import measure_features
from bench.groups.memory import measure_memory
from bench.groups.orders import measure_orders
from bench.groups.pages import measure_pages
from bench.groups.read import measure_reads
from bench.groups.scale import measure_scale
from bench.groups.signals import measure_signals
from bench.groups.start import measure_starts


@dataclass(frozen=True)
class Group:
    """A group of measurements: what it measures, and how."""

    measures: str
    run: Callable[[Bench], Awaitable[list[Figure]]]
    needs_mesh: bool = False
    """Whether it measures nothing without a mesh."""


GROUPS = {
    # It restarts the mesh, so it comes before the groups that change it.
    "start": Group("start times of the mesh, a Pod and an app", measure_starts),
    "memory": Group("memory of an app, a sidecar and the control plane", measure_memory, needs_mesh=True),
    "pages": Group("the pages of the storefront in a browser", measure_pages, needs_mesh=True),
    "console": Group("the console in a browser, and what it takes", measure_console, needs_mesh=True),
    "read": Group("a unary read on each way to the service", measure_reads),
    # It compares the mesh with another one, so it comes before the groups that change it.
    "signals": Group("what traces, metrics, logs and alerts cost the shop", measure_signals, needs_mesh=True),
    "features": Group("what features of the runtime and of the mesh cost", measure_features),
    "orders": Group("orders on each database, without and with the mesh", measure_orders),
    "scale": Group("what more workloads cost", measure_scale, needs_mesh=True),
}
