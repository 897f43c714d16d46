"""What the comparisons found, as a person reads it in a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tools.breaking import additions, behaviour, rules, structure
from tools.breaking.advice import instead
from tools.breaking.consumers import OUTSIDE, Consumer, Consumers
from tools.breaking.findings import Finding, Level, Note
from tools.breaking.sources import State
from tools.breaking.waivers import Waiver

MAX_NOTES = 30
"""Compatible changes that are named."""
LEVELS = list(Level)


@dataclass(frozen=True)
class Break:
    """A change that breaks somebody."""

    finding: Finding
    consumers: Sequence[Consumer]
    bases: tuple[str, ...] = ()
    """The older states that show it, if there are several."""


@dataclass(frozen=True)
class Report:
    """What has changed: what breaks, what of it was reviewed, and what breaks nobody."""

    breaks: Sequence[Break]
    notes: Sequence[Note]
    waived: Sequence[Waiver] = ()
    problems: Sequence[str] = ()
    """What is wrong with the waivers."""

    @property
    def fails(self) -> bool:
        """Whether something has to be done."""
        return bool(self.breaks or self.problems)

    def text(self) -> str:
        """Return all of it; the last line sums it up."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for each in self.breaks:
            yield from _described(each)
        for waiver in self.waived:
            yield f"waived: {waiver.element}: {waiver.why} (until {waiver.until})"
        if not self.breaks:
            yield "nothing breaks that is not waived" if self.waived else "nothing breaks"
        yield from (f"{note.kind}: {note.told}" for note in self.notes[:MAX_NOTES])
        if len(self.notes) > MAX_NOTES:
            yield f"and {len(self.notes) - MAX_NOTES} more compatible changes"
        yield from self.problems
        if self.breaks:
            yield self._summary()

    def _summary(self) -> str:
        levels = Counter(each.finding.level for each in self.breaks)
        counts = ", ".join(f"{levels[level]} {level.value}" for level in Level if levels[level])
        names = {each.name for found in self.breaks for each in found.consumers if not each.serves}
        consumers = ", ".join(sorted(names, key=lambda name: (name == OUTSIDE, name))) or "none"
        plural = "" if len(self.breaks) == 1 else "s"
        return f"{len(self.breaks)} breaking change{plural}: {counts}; consumers: {consumers}"


def compare(older: State, newer: State) -> Report:
    """Compare two states of the contracts. Raise SourceError."""
    both = older.image, newer.image
    found = list(chain(structure.compare(older, newer), behaviour.compare(*both), rules.compare(*both)))
    consumers = Consumers(older, newer)
    breaks = [Break(each, consumers.of(each)) for each in found if isinstance(each, Finding)]
    notes = sorted([*(each for each in found if isinstance(each, Note)), *additions.compare(*both)])
    return Report(sorted(breaks, key=_order), sorted(notes, key=_is_settled))


def merge(reports: Sequence[tuple[str, Report]]) -> Report:
    """Return one report of several comparisons, each with the name of its older state. A break stands in it once.

    The notes of the last comparison come first.
    """
    if len(reports) == 1:
        return reports[0][1]
    breaks: dict[tuple[str, str], Break] = {}
    for base, report in reports:
        for each in report.breaks:
            key = each.finding.subject, each.finding.rule
            known = breaks.get(key, each)
            # An older state may not say yet who consumes what: whom any of them knows is broken.
            consumers = {found.name: found for found in (*known.consumers, *each.consumers)}
            breaks[key] = replace(known, consumers=tuple(consumers.values()), bases=(*known.bases, base))
    notes = dict.fromkeys(chain.from_iterable(report.notes for _, report in reversed(reports)))
    return Report(sorted(breaks.values(), key=_order), sorted(notes, key=_is_settled))


def waive(report: Report, waivers: Sequence[Waiver], version: str, *, stale: bool) -> Report:
    """Return the report without the breaks that were reviewed, and with what is wrong with the waivers.

    A waiver that the project's version has reached covers nothing. With `stale`, one that covers nothing is a problem.
    """
    valid = [waiver for waiver in waivers if not waiver.expired(version)]
    used = [waiver for waiver in valid if any(waiver.covers(each.finding) for each in report.breaks)]
    problems = [
        f"expired: {each} holds until {each.until}, and the version in pyproject.toml is {version}: undo the break, "
        "or have it reviewed again"
        for each in waivers
        if each not in valid
    ]
    if stale:
        problems += [f"stale: {each} matches no break: remove it" for each in valid if each not in used]
    breaks = [each for each in report.breaks if not any(waiver.covers(each.finding) for waiver in used)]
    return replace(report, breaks=breaks, waived=used, problems=problems)


def _described(found: Break) -> Iterator[str]:
    finding = found.finding
    yield f"{finding.place}: {finding.subject}"
    yield f"  broken    {finding.told}"
    yield f"  level     {finding.level.value}: {finding.level.told}"
    yield f"  rule      {finding.rule}"
    yield from _labelled("against", found.bases)
    yield from _labelled("for whom", [_told(each) for each in found.consumers] or ["nobody of whom the project knows"])
    yield f"  instead   {instead(finding)}"
    yield ""


def _order(found: Break) -> tuple[int, str, int]:
    finding = found.finding
    file, _, line = finding.place.rpartition(":")
    return LEVELS.index(finding.level), file, int(line)


def _is_settled(note: Note) -> bool:
    """Return whether nobody has to judge it. What has to be judged comes first, so that no limit cuts it off."""
    return note.kind != "to judge"


def _told(consumer: Consumer) -> str:
    code = f" ({', '.join(consumer.lines)})" if consumer.lines else ""
    return f"{consumer.name}{code}: {consumer.does}"


def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else label:<10}{line}"
