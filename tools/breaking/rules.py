"""Changes of the buf.validate rules of requests. A rule that rejects what was valid breaks the callers that send it.

Whole requests that the older rules accept are checked by the newer ones. A request that is now rejected is the proof of
a breaking change. Without such a request, a change is compatible if

- every newer rule surely accepts what an older one accepts: a larger maximum, a removed rule; or
- each new rule rejected some request, and the older rules rejected all of these requests too.

Any other change is undecided, and counts as breaking until it is waived.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tools.breaking.changes import Change, Correspondence
from tools.breaking.constraints import explain
from tools.breaking.findings import Finding, Note, Reach, behavioural, location_of
from tools.breaking.image import Element, Image
from tools.breaking.trials import Trials

FIELD_PREFIX = "rules of field "
MAX_SHOWN_CHARACTERS = 160
"""Longer descriptions of a difference are shortened in the report."""


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Yield the changes of the rules of every message that is part of requests, before and now.

    Raises SourceError if a rule does not compile.
    """
    pairs = Correspondence(older, newer)
    changes = list(pairs.changes())
    trials = Trials(pairs, changes)
    shared: defaultdict[str, list[Finding | Note]] = defaultdict(list)
    for change in changes:
        result = _judge(change, pairs, trials)
        differing = {*change.after.changed_since(change.before), *change.before.changed_since(change.after)}
        name = differing.pop() if len(differing) == 1 else ""
        if name.startswith("(") and result:
            shared[name.strip("()")].append(result)
        elif result:
            yield result
    rejected = {change.element.name for change in changes if change.rejected}
    for was, now in pairs.newly_required():
        if was.name not in rejected and trials.accepts_missing(was):
            yield behavioural("REQUIRED", was, now, "It is now REQUIRED, and could be left out before.", Reach.SENDERS)
    for name, results in shared.items():
        yield from _merged(newer.elements[name], results) if name in newer.elements else results


def _judge(change: Change, pairs: Correspondence, trials: Trials) -> Finding | Note | None:
    """Return what a change means for callers; None if nothing."""
    element, is_new_field = change.element, change.added and change.element.kind == "field"
    if is_new_field and pairs.is_required(change.now):
        return _finding("REQUIRED", change, "It is new and required, so existing callers do not set it.")
    if change.before.imply(change.after) and not change.added:
        return Note("looser", f"rules of {element.kind} {element.name}")
    trials.run(change)
    if change.rejected:
        return _finding("REQUIRED" if is_new_field else "RULE", change, f"{change.rejected}.")
    if is_new_field:
        return None
    if not change.is_decided:
        difference = _short("; ".join(explain(change.before, change.after)))
        description = f"Its rules may be stricter, and no request shows whether they are: {difference}."
        return _finding("RULE_UNDECIDED", change, description)
    return Note("looser" if change.accepts_more else "equivalent", f"rules of {element.kind} {element.name}")


def _finding(rule: str, change: Change, description: str) -> Finding:
    return behavioural(rule, change.element, change.now, description, Reach.SENDERS)


def _merged(rule: Element, results: Sequence[Finding | Note]) -> Iterator[Finding | Note]:
    """Yield one result for a predefined rule that changes several fields."""
    breaks = [each for each in results if isinstance(each, Finding)]
    if breaks:
        first = next((each for each in breaks if each.rule == "RULE"), breaks[0])
        fields = f"{first.subject} and {len(breaks) - 1} more" if len(breaks) > 1 else first.subject
        holders = frozenset().union(*(each.holders for each in breaks))
        description = f"{first.description} This applies to {fields}."
        yield replace(
            first, subject=rule.name, description=description, location=location_of(rule), holders=holders, element=None
        )
    elif isinstance(results[0], Note):
        yield Note(results[0].category, f"rule {rule.name}, for {results[0].description.removeprefix(FIELD_PREFIX)}")


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
