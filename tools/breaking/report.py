"""The report of the comparisons, as text for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tools.breaking import additions, annotations, behaviour, declared, policies, rules, structure, templates
from tools.breaking.advice import advice_for
from tools.breaking.consumers import OUTSIDE, Consumer, Consumers
from tools.breaking.findings import Finding, Level, Note
from tools.breaking.sources import State
from tools.breaking.waivers import Waiver

MAX_NOTES = 30
"""How many compatible changes the report lists."""
LEVELS = list(Level)


@dataclass(frozen=True)
class Break:
    """A breaking change with its consumers."""

    finding: Finding
    consumers: Sequence[Consumer]
    bases: tuple[str, ...] = ()
    """The older states in which it was found, if there are several."""


@dataclass(frozen=True)
class Report:
    """All changes: breaking ones, waived ones and compatible ones."""

    breaks: Sequence[Break]
    notes: Sequence[Note]
    waived: Sequence[Waiver] = ()
    problems: Sequence[str] = ()
    """Faults of the waivers."""
    faults: str = ""
    """Why the generator refuses the contracts; a line for each fault."""

    @property
    def fails(self) -> bool:
        """Whether the check fails."""
        return bool(self.breaks or self.problems)

    def text(self) -> str:
        """Return the report as text. The last line is the summary."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for each in self.breaks:
            yield from _describe(each)
        for waiver in self.waived:
            yield f"waived: {waiver.element}: {waiver.why} (until {waiver.until})"
        if not self.breaks:
            yield "no breaking changes except the waived ones" if self.waived else "no breaking changes"
        yield from (f"{note.category}: {note.description}" for note in self.notes[:MAX_NOTES])
        if len(self.notes) > MAX_NOTES:
            yield f"and {len(self.notes) - MAX_NOTES} more compatible changes"
        yield from self.problems
        if self.breaks:
            yield self._summary()

    def _summary(self) -> str:
        levels = Counter(each.finding.level for each in self.breaks)
        counts = ", ".join(f"{levels[level]} {level.value}" for level in Level if levels[level])
        names = {each.name for item in self.breaks for each in item.consumers if not each.only_serves}
        consumers = ", ".join(sorted(names, key=lambda name: (name == OUTSIDE, name))) or "none"
        plural = "" if len(self.breaks) == 1 else "s"
        return f"{len(self.breaks)} breaking change{plural}: {counts}; consumers: {consumers}"


def compare(older: State, newer: State) -> Report:
    """Compare two states of the contracts. Raise SourceError."""
    images = older.image, newer.image
    sides = (module.compare(*images) for module in (behaviour, templates, annotations, rules))
    results = [*structure.compare(older, newer), *declared.compare(older, newer), *chain.from_iterable(sides)]
    found = [each for each in results if isinstance(each, Finding)]
    faults = ""
    try:
        after = policies.generated(newer)
    except policies.PolicyError as error:
        faults = str(error)
    else:
        before = policies.committed(older)
        results += policies.compare(older, newer, before, after, found) if before else []
    consumers = Consumers(older, newer)
    breaks = [Break(each, consumers.affected_by(each)) for each in results if isinstance(each, Finding)]
    notes = sorted([*(each for each in results if isinstance(each, Note)), *additions.compare(*images)])
    return Report(sorted(breaks, key=_order), sorted(notes, key=_is_settled), faults=faults)


def merge(reports: Sequence[tuple[str, Report]]) -> Report:
    """Return one report of several comparisons, each with the name of its older state. Each break is listed once.

    The notes of the last comparison come first.
    """
    if len(reports) == 1:
        return reports[0][1]
    breaks: dict[tuple[str, str], Break] = {}
    for base, report in reports:
        for each in report.breaks:
            key = each.finding.subject, each.finding.rule
            previous = breaks.get(key, each)
            # An older state may not declare all consumers, so the consumers of all states count.
            consumers = {consumer.name: consumer for consumer in (*previous.consumers, *each.consumers)}
            breaks[key] = replace(previous, consumers=tuple(consumers.values()), bases=(*previous.bases, base))
    notes = dict.fromkeys(chain.from_iterable(report.notes for _, report in reversed(reports)))
    faults = reports[0][1].faults
    return Report(sorted(breaks.values(), key=_order), sorted(notes, key=_is_settled), faults=faults)


def waive(report: Report, waivers: Sequence[Waiver], version: str, *, stale: bool) -> Report:
    """Return the report without the waived breaks, and with the faults of the waivers.

    A waiver expires when the project's version reaches its `until`. With `stale`, a waiver without a break is a fault.
    """
    valid = [waiver for waiver in waivers if not waiver.expired(version)]
    used = [waiver for waiver in valid if any(waiver.covers(each.finding) for each in report.breaks)]
    problems = [
        f"expired: {each} is valid until {each.until}, and the version in pyproject.toml is {version}: "
        "undo the change, or review it again and extend the waiver"
        for each in waivers
        if each not in valid
    ]
    if stale:
        problems += [f"stale: {each} matches no break: remove it" for each in valid if each not in used]
    breaks = [each for each in report.breaks if not any(waiver.covers(each.finding) for waiver in used)]
    return replace(report, breaks=breaks, waived=used, problems=problems)


def _describe(item: Break) -> Iterator[str]:
    finding = item.finding
    yield f"{finding.location}: {finding.subject}"
    yield f"  change    {finding.description}"
    yield f"  level     {finding.level.value}: {finding.level.meaning}"
    yield f"  rule      {finding.rule}"
    yield from _labelled("against", item.bases)
    yield from _labelled("affects", [_describe_consumer(each) for each in item.consumers] or ["no known consumers"])
    yield f"  instead   {advice_for(finding)}"
    yield ""


def _order(item: Break) -> tuple[int, str, int]:
    finding = item.finding
    file, _, line = finding.location.rpartition(":")
    return LEVELS.index(finding.level), file, int(line)


def _is_settled(note: Note) -> bool:
    """Return whether a note needs no review. Notes to review come first, so that the limit never drops them."""
    return note.category != "to review"


def _describe_consumer(consumer: Consumer) -> str:
    code = f" ({', '.join(consumer.lines)})" if consumer.lines else ""
    return f"{consumer.name}{code}: {consumer.usage}"


def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else label:<10}{line}"
