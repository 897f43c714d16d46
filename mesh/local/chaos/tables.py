"""What `mesh chaos` prints: the experiments that there are, and what has come of those that were made."""

import math
from collections.abc import Iterable

from rich.table import Table

from mesh.local.chaos.experiment import Experiment
from mesh.local.chaos.trial import Verdict


def listed(experiments: Iterable[Experiment]) -> Table:
    """Make the list of all experiments."""
    table = _table("experiment", "service", "hypothesis", "orders sold", "p99", "steady again")
    for each in experiments:
        promise = each.promise
        promised = (f">= {promise.success:g} %", f"<= {promise.p99:g} s", f"<= {promise.recovery:g} s")
        table.add_row(each.name, each.service or "-", each.hypothesis, *promised)
    return table


def told(verdicts: Iterable[Verdict]) -> Table:
    """Make the table of verdicts; a pair of figures is orders sold of orders placed, and their p99."""
    table = _table("experiment", "before", "during", "after", "detected", "recovered", "books", "hypothesis")
    for each in verdicts:
        name = f"{each.experiment.name} {each.experiment.service}".strip()
        detected = f"{each.detected[0]:.1f} s: {each.detected[1]}" if each.detected else "never"
        recovered = "never" if math.isinf(each.recovered) else f"{each.recovered:.1f} s"
        verdict = "[red]FAILS[/]" if each.faults else "[green]holds[/]"
        figures = (str(each.before), str(each.during), str(each.after))
        table.add_row(name, *figures, detected, recovered, each.books or "-", verdict)
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)
