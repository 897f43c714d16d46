"""The tables that `mesh chaos` prints: all experiments, and the results of those that ran."""

import math
import re
import statistics
from collections.abc import Iterable

from rich.table import Table

from mesh.local.chaos.experiment import Experiment
from mesh.local.chaos.run import Result


def experiments(listed: Iterable[Experiment]) -> Table:
    """Build the list of experiments."""
    table = _table("experiment", "service", "hypothesis", "orders sold", "p99", "steady again", "alert")
    for each in listed:
        promise = each.promise
        promised = (f">= {promise.success:g} %", f"<= {promise.p99:g} s", f"<= {promise.recovery:g} s")
        table.add_row(each.name, each.service or "-", each.hypothesis, *promised, each.alert or "none")
    return table


def results(finished: Iterable[Result]) -> Table:
    """Build the table of results. Orders are shown as sold/placed, with their p99."""
    table = _table("experiment", "before", "during", "after", "detected", "recovered", "books", "hypothesis")
    for each in finished:
        name = f"{each.experiment.name} {each.experiment.service}".strip()
        detected = f"{each.detected[0]:.1f} s: {each.detected[1]}" if each.detected else "never"
        recovered = "never" if math.isinf(each.recovered) else f"{each.recovered:.1f} s"
        verdict = "[red]FAILS[/]" if each.violations else "[green]holds[/]"
        orders = (str(each.before), str(each.during), str(each.after))
        table.add_row(name, *orders, detected, recovered, each.books or "-", verdict)
    return table


def alerts(finished: Iterable[Result]) -> Table:
    """Build the matrix of faults and alerts: seconds until it fired, and from the end of the fault until it ended."""
    rows = list(finished)
    names = {name.split(" ")[0] for each in rows for name in each.alerts} | {each.experiment.alert for each in rows}
    columns = sorted(names - {""})
    # A space lets a long name wrap.
    table = _table("experiment", *(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name in columns))
    for each in rows:
        fired = {name.split(" ")[0]: times for name, times in each.alerts.items()}
        cells = [_cell(fired.get(name), is_expected=name == each.experiment.alert) for name in columns]
        table.add_row(f"{each.experiment.name} {each.experiment.service}".strip(), *cells)
    return table


def means(finished: Iterable[Result]) -> str:
    """Return the mean times of the faults whose alert fired and ended."""
    times = [
        times
        for each in finished
        for name, times in each.alerts.items()
        if name.split(" ")[0] == each.experiment.alert and math.isfinite(times[1])
    ]
    if not times:
        return "no alert fired and ended"
    detect, recover = (statistics.mean(column) for column in zip(*times, strict=True))
    return f"mean time to detect {detect:.0f} s, to recover {recover:.0f} s, of {len(times)} faults"


def _cell(times: tuple[float, float] | None, *, is_expected: bool) -> str:
    if times is None:
        return "[red]missing[/]" if is_expected else "0"
    fired, ended = times
    text = f"{fired:.0f} / {'never' if math.isinf(ended) else f'{ended:.0f}'} s"
    return text if is_expected else f"[red]{text}[/]"


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)
