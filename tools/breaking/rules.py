"""Changes of the buf.validate rules of requests. A rule that rejects what was valid breaks the callers that send it.

A removed rule is compatible, an added rule is breaking. For a changed rule, values at its limits are tried in both
images. A value that was valid and is now rejected is a breaking change. Without such a value, the rule is looser if
only its numbers have changed and it accepts a value that was rejected. A person must review all other changes.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tools.breaking.findings import Finding, Note, Reach, behavioural, location_of
from tools.breaking.image import Element, Image
from tools.breaking.probes import UNSET, RuleChecker, probes

FIELD, MESSAGE, ONEOF, PREDEFINED = (f"buf.validate.{name}" for name in ("field", "message", "oneof", "predefined"))
BEHAVIOR, REQUIRED = "google.api.field_behavior", 2
IGNORE_IF_ZERO_VALUE, IGNORE_ALWAYS = 1, 3
FIELD_PREFIX = "rules of field "
MAX_SHOWN_CHARACTERS = 60
"""Longer rules are shortened in the report."""

Rules = Mapping[str, str | frozenset[str]]
"""Rules by their path: "string.max_len", "cel this.units". "(shop.rules.v1.text)" is the expression of a predefined
rule, "string.(shop.rules.v1.text)" its parameter."""


@dataclass(frozen=True)
class _Comparison:
    older: Image
    newer: Image
    before: RuleChecker
    after: RuleChecker


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Yield the changes of the rules of every message that is part of requests, before and now.

    Raises SourceError if a rule does not compile.
    """
    comparison = _Comparison(older, newer, RuleChecker(older), RuleChecker(newer))
    shared: defaultdict[str, list[Finding | Note]] = defaultdict(list)
    for name in sorted(older.requests() & newer.requests()):
        message, now = older.elements.get(name), newer.elements.get(name)
        if message is None or now is None or message.kind != "message":
            continue
        yield from _message(message, now, comparison)
        for element in newer.children(name):
            was = older.counterpart(element)
            if element.kind == "oneof":
                yield from _oneof(element, was, comparison)
            elif element.kind == "field" and was is None:
                yield from _added(element, comparison)
            elif element.kind == "field" and was is not None:
                rules = _rules(older, was, FIELD), _rules(newer, element, FIELD)
                changes = _changed(was, element, rules, comparison)
                differing = {key for key in {**rules[0], **rules[1]} if rules[0].get(key) != rules[1].get(key)}
                if len(differing) == 1 and (key := differing.pop()).startswith("("):
                    shared[key.strip("()")] += changes
                else:
                    yield from changes
    for name, changes in shared.items():
        yield from _merged(newer.elements[name], changes)


def _merged(rule: Element, changes: list[Finding | Note]) -> Iterator[Finding | Note]:
    """Yield one result for a predefined rule that changes several fields."""
    breaks = [each for each in changes if isinstance(each, Finding)]
    if breaks:
        fields = f"{breaks[0].subject} and {len(breaks) - 1} more" if len(breaks) > 1 else breaks[0].subject
        holders = frozenset().union(*(each.holders for each in breaks))
        description = f"{breaks[0].description} This applies to {fields}."
        yield replace(
            breaks[0],
            subject=rule.name,
            description=description,
            location=location_of(rule),
            holders=holders,
            element=None,
        )
    elif changes and isinstance(changes[0], Note):
        yield Note(changes[0].category, f"rule {rule.name}, for {changes[0].description.removeprefix(FIELD_PREFIX)}")


def _rules(image: Image, element: Element, option: str) -> Rules:
    options = image.options(element.proto.options)
    rules = options.get(option)
    flat = dict(_flatten(image, rules, "")) if rules is not None else {}
    if option == FIELD and rules is not None:
        if rules.ignore == IGNORE_ALWAYS:
            flat = {}
        elif flat and rules.ignore != IGNORE_IF_ZERO_VALUE:
            flat["applies to empty values"] = ""
    if REQUIRED in options.get(BEHAVIOR, ()):
        flat["REQUIRED"] = ""
    return flat


def _flatten(image: Image, rules: Any, prefix: str) -> Iterator[tuple[str, str | frozenset[str]]]:  # noqa: ANN401  # dynamic
    for field, value in rules.ListFields():
        key = f"{prefix}{field.name}"
        if field.name == "cel":
            yield from ((f"{key} {rule.id}", rule.expression) for rule in value)
        elif field.name == "in":
            yield key, frozenset(map(str, value))
        elif field.is_repeated and not field.is_extension:
            yield from ((f"{key} {' '.join(str(each).split())}", "") for each in value)
        elif field.message_type and field.message_type.full_name.startswith("buf.validate."):
            yield from _flatten(image, value, f"{key}.")
        elif value is not False and field.name != "ignore":
            key = f"{prefix}({field.full_name})" if field.is_extension else key
            yield key, " ".join(str(value).split())
            if field.is_extension:
                predefined = image.options(field.GetOptions())[PREDEFINED]
                yield f"({field.full_name})", " and ".join(rule.expression for rule in predefined.cel)


def _message(message: Element, now: Element, comparison: _Comparison) -> Iterator[Finding | Note]:
    before, after = _rules(comparison.older, message, MESSAGE), _rules(comparison.newer, now, MESSAGE)
    if added := [key for key in after if key not in before]:
        yield behavioural("RULE", message, now, f"It has a new rule: {added[0]}.", Reach.SENDERS)
    elif before != after:
        looser = after.items() <= before.items()
        yield Note("looser", f"rules of {message.name}") if looser else _to_review(message, before, after)


def _oneof(oneof: Element, was: Element | None, comparison: _Comparison) -> Iterator[Finding]:
    before = comparison.older.options(was.proto.options).get(ONEOF) if was else None
    after = comparison.newer.options(oneof.proto.options).get(ONEOF)
    if after is not None and after.required and not (before is not None and before.required):
        description = "One of its fields is now required; a request without any of them was valid."
        yield behavioural("RULE", oneof, oneof, description, Reach.SENDERS)


def _added(field: Element, comparison: _Comparison) -> Iterator[Finding]:
    reason = next(iter(comparison.after.violations(field, UNSET).values()), "")
    if reason or "REQUIRED" in _rules(comparison.newer, field, FIELD):
        description = f"It is new and required, so existing callers do not set it{f': {reason}' if reason else ''}."
        yield behavioural("REQUIRED", field, field, description, Reach.SENDERS)


def _changed(was: Element, field: Element, rules: tuple[Rules, Rules], comparison: _Comparison) -> list[Finding | Note]:
    before, after = rules
    # buf reports changes of the type.
    if before == after or (was.proto.type, was.proto.label) != (field.proto.type, field.proto.label):
        return []
    if after.items() <= before.items():
        return [Note("looser", f"{FIELD_PREFIX}{was.name}")]
    rejected, accepts_more, moved = _try_values(was, field, rules, comparison)
    description = rejected
    if not rejected and not moved and before.items() <= after.items():
        added = next(key for key in after if key not in before)
        description = f"It has a new rule: {added} {_short(after[added])}".strip()
    if description:
        return [behavioural("RULE", was, field, f"{description}.", Reach.SENDERS)]
    looser = accepts_more and all(_may_be_looser(before.get(key), value) for key, value in after.items())
    return [Note("looser", f"{FIELD_PREFIX}{was.name}") if looser else _to_review(was, before, after)]


def _try_values(
    was: Element, field: Element, rules: tuple[Rules, Rules], comparison: _Comparison
) -> tuple[str, bool, bool]:
    """Return a value that is now rejected, in a sentence, or "".

    Return also whether a value is now accepted that was rejected, and whether a new rule has moved: the field's message
    had a rule that rejected the same values.
    """
    texts = [
        each if " " in each else f"'{each}'"
        for one_side in rules
        for value in one_side.values()
        for each in _words(value)
    ]
    accepts_more = moved = False
    for probe in probes(comparison.newer.field(field), texts):
        with suppress(ValueError, TypeError, AttributeError):
            before, after = comparison.before.violations(was, probe), comparison.after.violations(field, probe)
            # Unchanged rules reject the same values in both images.
            if before.keys() < after.keys():
                if comparison.before.nested_violations(was, probe) - comparison.after.nested_violations(field, probe):
                    moved = True
                    continue
                reason = next(after[rule] for rule in after if rule not in before)
                return f"A request {probe.description} was valid and is now rejected: {reason}", accepts_more, moved
            accepts_more |= after.keys() < before.keys()
    return "", accepts_more, moved


def _may_be_looser(before: str | frozenset[str] | None, after: str | frozenset[str]) -> bool:
    """Return whether only the numbers of a rule have changed, or its list of values has grown."""
    if isinstance(before, str) and isinstance(after, str):
        return re.sub(r"\d+", "0", before) == re.sub(r"\d+", "0", after)
    return isinstance(before, frozenset) and isinstance(after, frozenset) and before <= after


def _to_review(element: Element, before: Rules, after: Rules) -> Note:
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    differences = "; ".join(f"{key}: {_short(before.get(key))} -> {_short(after.get(key))}" for key in keys)
    return Note("to review", f"rules of {element.kind} {element.name} may be stricter: {differences}")


def _words(value: str | frozenset[str]) -> list[str]:
    return [value] if isinstance(value, str) else sorted(value)


def _short(value: str | frozenset[str] | None) -> str:
    text = "none" if value is None else ", ".join(_words(value))
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
