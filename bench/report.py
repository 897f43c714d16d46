"""Writes results as Markdown tables, for the terminal and for README.md."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from bench.figures import Difference, Figure, Summary, differences
from bench.goals import Goal, goals_reached
from bench.results import GroupResult, Results
from tests.support.checkout import ROOT

README = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
NOT_COMPARED = ("p90 ms", "p99 ms")
"""Metrics that vary too much for the tables of ratios and differences. The file of results has their ratios, too."""
LARGE, MEDIUM, SMALL = 100, 10, 0.1
T = TypeVar("T")


def results_as_markdown(results: Results) -> str:
    """Return the goals, and a section for each group: how it was measured, its figures, and the ratios between them."""
    sections = ["\n".join(_section(name, group)) for name, group in results.items()]
    goals = [_goal(goal, ratio) for goal, ratio in goals_reached(results)]
    if goals:
        head = ["goal", "under", "limit", "measured", "met"]
        sections.insert(0, "\n".join(["### Goals", *_table(head, goals)]))
    return "\n\n".join(sections)


def differences_as_markdown(now: Results, before: Results) -> str:
    """Return a table of what has changed by more than the noise since an earlier run, and how much has not."""
    rows: list[list[str]] = []
    compared = 0
    for name in [name for name in now if name in before]:
        found = differences(
            [each for each in now[name].figures if each.metric not in NOT_COMPARED], before[name].figures
        )
        compared += len(found)
        rows += [[name, *_difference(each)] for each in found if each.beyond_noise]
    summary = f"{compared - len(rows)} of {compared} figures are within the noise of the last committed run."
    if not rows:
        return summary
    return "\n".join([summary, "", *_table(["group", "figure", "last run", "this run", "change"], rows)])


def update_readme(results: Results, readme: Path = README) -> None:
    """Replace the results in README.md."""
    head, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    text = f"{head}{BEGIN}\n{results_as_markdown(results)}\n\n{END}{tail}"
    readme.write_text(text, encoding="utf-8")


def _section(name: str, group: GroupResult) -> Iterator[str]:
    run = group.run
    yield f"### {name}"
    rounds = f"{run['rounds']} rounds of {run['seconds']:g} s, {run['duration']} s in total"
    yield f"{rounds}, on {run['machine']}, at {run['commit']}, {run['date']}."
    yield ""
    yield from _figures(group.figures)
    compared = [figure for figure in group.figures if figure.ratio and figure.metric not in NOT_COMPARED]
    if compared:
        yield ""
        yield from _ratios(compared)


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield tables of subjects with their conditions, and of metrics."""
    for number, alike in enumerate(_alike(figures)):
        if number:
            yield ""
        metrics = _unique(figure.metric for figure in alike)
        measured = _unique((figure.subject, figure.condition) for figure in alike)
        cells = {figure.key: _cell(figure.summary) for figure in alike}
        # Columns are what there is less of, so that no table is too wide.
        if len(measured) < len(metrics):
            head = ["", *(", ".join(filter(None, each)) for each in measured)]
            rows = [[metric, *(cells.get((*each, metric), "") for each in measured)] for metric in metrics]
        else:
            head = ["", "", *metrics]
            rows = [[*each, *(cells.get((*each, metric), "") for metric in metrics)] for each in measured]
        yield from _table(head, rows)


def _alike(figures: Sequence[Figure]) -> list[list[Figure]]:
    """Return the figures of one table each: subjects that share a metric are in one table."""
    tables: list[tuple[set[str], list[Figure]]] = []
    for subject in _unique(figure.subject for figure in figures):
        own = [figure for figure in figures if figure.subject == subject]
        metrics = {figure.metric for figure in own}
        table = next((table for table in tables if table[0] & metrics), None)
        if table is None:
            tables.append((metrics, own))
        else:
            table[0].update(metrics)
            table[1].extend(own)
    return [table for _, table in tables]


def _ratios(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield a table with a row for each comparison and metric, and a column for each condition."""
    conditions = _unique(figure.condition for figure in figures)
    cells = {figure.key: _cell(figure.ratio) for figure in figures if figure.ratio}
    rows = [
        [f"{subject} ÷ {baseline}", metric, *(cells.get((subject, each, metric), "") for each in conditions)]
        for subject, baseline, metric in _unique((each.subject, each.baseline, each.metric) for each in figures)
    ]
    yield from _table(["ratio", "of", *conditions], rows)


def _difference(found: Difference) -> list[str]:
    subject, condition, metric = found.figure.key
    what = f" ÷ {found.figure.baseline}" if found.of_ratios else ""
    name = ", ".join(filter(None, (f"{subject}{what}", condition, metric)))
    return [name, _cell(found.before), _cell(found.now), f"{100 * found.change:+.0f} %"]


def _goal(goal: Goal, ratio: Summary) -> list[str]:
    limit = f"{'at least' if goal.at_least else 'at most'} {goal.limit:g}"
    what = f"{goal.subject} ÷ {goal.baseline}: {goal.metric}"
    return [what, goal.condition, limit, _cell(ratio), "yes" if goal.is_met(ratio) else "**no**"]


def _cell(summary: Summary) -> str:
    if summary.lowest == summary.highest:
        return _number(summary.median)
    return f"{_number(summary.median)} ±{100 * summary.spread:.0f} %"


def _number(value: float) -> str:
    size = abs(value)
    if size >= LARGE:
        return f"{value:,.0f}"
    if size >= MEDIUM:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= SMALL or not size else f"{value:.2g}"


def _unique(items: Iterable[T]) -> list[T]:
    """Return each item once, in the order of their first occurrence."""
    return [*dict.fromkeys(items)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
