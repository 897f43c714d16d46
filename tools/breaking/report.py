"""What a comparison found, as a person reads it in a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from tools.breaking import additions, behaviour, rules, structure
from tools.breaking.advice import instead
from tools.breaking.consumers import OUTSIDE, Consumer, Consumers
from tools.breaking.findings import Finding, Level, Note
from tools.breaking.sources import State

MOST = 30
"""Compatible changes that are named."""


@dataclass(frozen=True)
class Report:
    """What has changed: what breaks, each with whom it breaks, and what breaks nobody."""

    breaks: Sequence[tuple[Finding, Sequence[Consumer]]]
    notes: Sequence[Note]

    def text(self) -> str:
        """Answer all of it; the last line sums it up."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for finding, consumers in self.breaks:
            yield f"{finding.place}: {finding.subject}"
            yield f"  broken    {finding.told}"
            yield f"  level     {finding.level.value}: {finding.level.told}"
            yield from _labelled(
                "for whom", [_told(each) for each in consumers] or ["nobody of whom the project knows"]
            )
            yield f"  instead   {instead(finding)}"
            yield ""
        if not self.breaks:
            yield "nothing breaks"
        yield from (f"{note.kind}: {note.told}" for note in self.notes[:MOST])
        if len(self.notes) > MOST:
            yield f"and {len(self.notes) - MOST} more compatible changes"
        if self.breaks:
            yield self._summary()

    def _summary(self) -> str:
        levels = Counter(finding.level for finding, _ in self.breaks)
        counts = ", ".join(f"{levels[level]} {level.value}" for level in Level if levels[level])
        names = {each.name for _, consumers in self.breaks for each in consumers if not each.serves}
        consumers = ", ".join(sorted(names, key=lambda name: (name == OUTSIDE, name))) or "none"
        plural = "" if len(self.breaks) == 1 else "s"
        return f"{len(self.breaks)} breaking change{plural}: {counts}; consumers: {consumers}"


def compare(older: State, newer: State) -> Report:
    """Compare two states of the contracts. Raises SourceError."""
    both = older.image, newer.image
    found = list(chain(structure.compare(older, newer), behaviour.compare(*both), rules.compare(*both)))
    levels = list(Level)
    breaks = sorted(
        (each for each in found if isinstance(each, Finding)),
        key=lambda finding: (levels.index(finding.level), finding.place.partition(":")[0], _line(finding)),
    )
    notes = sorted([*(each for each in found if isinstance(each, Note)), *additions.compare(*both)])
    consumers = Consumers(older, newer)
    return Report([(finding, consumers.of(finding)) for finding in breaks], notes)


def _line(finding: Finding) -> int:
    return int(finding.place.rpartition(":")[2])


def _told(consumer: Consumer) -> str:
    code = f" ({', '.join(consumer.lines)})" if consumer.lines else ""
    return f"{consumer.name}{code}: {consumer.does}"


def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else label:<10}{line}"
