"""The tables that `mesh chaos` prints: all experiments, and the results of those that ran."""

import math
from collections.abc import Iterable

from rich.table import Table

from mesh.local.chaos.experiment import Experiment
from mesh.local.chaos.run import Result


def experiments(listed: Iterable[Experiment]) -> Table:
    """Build the list of experiments."""
    table = _table("experiment", "service", "hypothesis", "orders sold", "p99", "steady again")
    for each in listed:
        promise = each.promise
        promised = (f">= {promise.success:g} %", f"<= {promise.p99:g} s", f"<= {promise.recovery:g} s")
        table.add_row(each.name, each.service or "-", each.hypothesis, *promised)
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


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)
