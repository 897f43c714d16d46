"""What a request must be (buf.validate): a rule that refuses what was valid breaks whoever sends it.

A rule that is gone refuses nothing, and one that is added refuses something. Of one that is another now, values at its
edges are tried in both images: what was taken and is refused is told. If there is none, the rule is looser where only
its numbers have changed and something is taken that was refused; anything else a person has to judge.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tools.breaking.findings import Finding, Note, Reach, behavioural, place
from tools.breaking.image import Element, Image
from tools.breaking.probes import UNSET, Judge, probes

FIELD, MESSAGE, ONEOF, PREDEFINED = (f"buf.validate.{name}" for name in ("field", "message", "oneof", "predefined"))
BEHAVIOR, REQUIRED = "google.api.field_behavior", 2
IGNORE_IF_ZERO_VALUE, IGNORE_ALWAYS = 1, 3
OF_FIELD = "rules of field "
SHORT = 60
"""Characters of a rule that are told."""

Rules = Mapping[str, str | frozenset[str]]
"""What must hold, by the place where it stands: "string.max_len", "cel this.units". "(shop.rules.v1.text)" is what the
rule of that name says, and "string.(shop.rules.v1.text)" what is given to it."""


@dataclass(frozen=True)
class _Sides:
    older: Image
    newer: Image
    before: Judge
    after: Judge


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Answer what has become of the rules of every message that was sent in requests, and still is.

    Raises SourceError if a rule does not compile.
    """
    sides = _Sides(older, newer, Judge(older), Judge(newer))
    shared: defaultdict[str, list[Finding | Note]] = defaultdict(list)
    for name in sorted(older.requests() & newer.requests()):
        message, now = older.elements.get(name), newer.elements.get(name)
        if message is None or now is None or message.kind != "message":
            continue
        yield from _message(message, now, sides)
        for element in newer.children(name):
            was = older.same(element)
            if element.kind == "oneof":
                yield from _oneof(element, was, sides)
            elif element.kind == "field" and was is None:
                yield from _added(element, sides)
            elif element.kind == "field" and was is not None:
                rules = _rules(older, was, FIELD), _rules(newer, element, FIELD)
                found = _changed(was, element, rules, sides)
                differing = {key for key in {**rules[0], **rules[1]} if rules[0].get(key) != rules[1].get(key)}
                if len(differing) == 1 and (key := differing.pop()).startswith("("):
                    shared[key.strip("()")] += found
                else:
                    yield from found
    for name, found in shared.items():
        yield from _gathered(newer.elements[name], found)


def _gathered(rule: Element, found: list[Finding | Note]) -> Iterator[Finding | Note]:
    """Answer once what one rule does to all fields that have it."""
    breaks = [each for each in found if isinstance(each, Finding)]
    if breaks:
        fields = f"{breaks[0].subject} and {len(breaks) - 1} more" if len(breaks) > 1 else breaks[0].subject
        holders = frozenset().union(*(each.holders for each in breaks))
        told = f"{breaks[0].told} So for {fields}."
        yield replace(breaks[0], subject=rule.name, told=told, place=place(rule), holders=holders, element=None)
    elif found and isinstance(found[0], Note):
        yield Note(found[0].kind, f"rule {rule.name}, for {found[0].told.removeprefix(OF_FIELD)}")


def _rules(image: Image, element: Element, option: str) -> Rules:
    options = image.options(element.proto.options)
    rules = options.get(option)
    found = dict(_flat(image, rules, "")) if rules is not None else {}
    if option == FIELD and rules is not None:
        if rules.ignore == IGNORE_ALWAYS:
            found = {}
        elif found and rules.ignore != IGNORE_IF_ZERO_VALUE:
            found["also when it is empty"] = ""
    if REQUIRED in options.get(BEHAVIOR, ()):
        found["REQUIRED"] = ""
    return found


def _flat(image: Image, rules: Any, prefix: str) -> Iterator[tuple[str, str | frozenset[str]]]:  # noqa: ANN401  # dynamic
    for field, value in rules.ListFields():
        key = f"{prefix}{field.name}"
        if field.name == "cel":
            yield from ((f"{key} {rule.id}", rule.expression) for rule in value)
        elif field.name == "in":
            yield key, frozenset(map(str, value))
        elif field.is_repeated and not field.is_extension:
            yield from ((f"{key} {' '.join(str(each).split())}", "") for each in value)
        elif field.message_type and field.message_type.full_name.startswith("buf.validate."):
            yield from _flat(image, value, f"{key}.")
        elif value is not False and field.name != "ignore":
            key = f"{prefix}({field.full_name})" if field.is_extension else key
            yield key, " ".join(str(value).split())
            if field.is_extension:
                said = image.options(field.GetOptions())[PREDEFINED]
                yield f"({field.full_name})", " and ".join(rule.expression for rule in said.cel)


def _message(message: Element, now: Element, sides: _Sides) -> Iterator[Finding | Note]:
    before, after = _rules(sides.older, message, MESSAGE), _rules(sides.newer, now, MESSAGE)
    if fresh := [key for key in after if key not in before]:
        told = f"It has a rule that it did not have: {fresh[0]}."
        yield behavioural("RULE", message, now, told, Reach.SENDERS)
    elif before != after:
        looser = after.items() <= before.items()
        yield Note("looser", f"rules of {message.name}") if looser else _unsure(message, before, after)


def _oneof(oneof: Element, was: Element | None, sides: _Sides) -> Iterator[Finding]:
    before = sides.older.options(was.proto.options).get(ONEOF) if was else None
    after = sides.newer.options(oneof.proto.options).get(ONEOF)
    if after is not None and after.required and not (before is not None and before.required):
        told = "One of its fields has to be set now; a request without any was valid."
        yield behavioural("RULE", oneof, oneof, told, Reach.SENDERS)


def _added(field: Element, sides: _Sides) -> Iterator[Finding]:
    reason = next(iter(sides.after.refusals(field, UNSET).values()), "")
    if reason or "REQUIRED" in _rules(sides.newer, field, FIELD):
        told = "It is new, and whoever does not know it cannot set it; but it is required" + (
            f": {reason}." if reason else "."
        )
        yield behavioural("REQUIRED", field, field, told, Reach.SENDERS)


def _changed(was: Element, field: Element, rules: tuple[Rules, Rules], sides: _Sides) -> list[Finding | Note]:
    before, after = rules
    # What is another type is buf's to tell.
    if before == after or (was.proto.type, was.proto.label) != (field.proto.type, field.proto.label):
        return []
    if after.items() <= before.items():
        return [Note("looser", f"{OF_FIELD}{was.name}")]
    refused, taken, moved = _tried(was, field, rules, sides)
    told = refused
    if not told and not moved and before.items() <= after.items():
        fresh = next(key for key in after if key not in before)
        told = f"It has a rule that it did not have: {fresh} {_short(after[fresh])}".strip()
    if told:
        return [behavioural("RULE", was, field, f"{told}.", Reach.SENDERS)]
    looser = taken and all(_may_be_looser(before.get(key), value) for key, value in after.items())
    return [Note("looser", f"{OF_FIELD}{was.name}") if looser else _unsure(was, before, after)]


def _tried(was: Element, field: Element, rules: tuple[Rules, Rules], sides: _Sides) -> tuple[str, bool, bool]:
    """Return what is refused and was not, in a sentence, or "".

    Return also whether something is taken that was refused, and whether a new rule stood before in the message that the
    field holds: what it refuses was refused there.
    """
    texts = [
        each if " " in each else f"'{each}'" for side in rules for value in side.values() for each in _words(value)
    ]
    taken = moved = False
    for probe in probes(sides.newer.field(field), texts):
        with suppress(ValueError, TypeError, AttributeError):
            before, after = sides.before.refusals(was, probe), sides.after.refusals(field, probe)
            # Rules that are as they were refuse in both what they refuse.
            if before.keys() < after.keys():
                if sides.before.refusals_within(was, probe) - sides.after.refusals_within(field, probe):
                    moved = True
                    continue
                reason = next(after[rule] for rule in after if rule not in before)
                return f"A request {probe.told} was valid and is refused now: {reason}", taken, moved
            taken |= after.keys() < before.keys()
    return "", taken, moved


def _may_be_looser(before: str | frozenset[str] | None, after: str | frozenset[str]) -> bool:
    """Whether a rule that takes more takes all that it took too: only its numbers are others, or its list is longer."""
    if isinstance(before, str) and isinstance(after, str):
        return re.sub(r"\d+", "0", before) == re.sub(r"\d+", "0", after)
    return isinstance(before, frozenset) and isinstance(after, frozenset) and before <= after


def _unsure(element: Element, before: Rules, after: Rules) -> Note:
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    told = "; ".join(f"{key}: {_short(before.get(key))} -> {_short(after.get(key))}" for key in keys)
    return Note("to judge", f"rules of {element.kind} {element.name}, which may refuse more: {told}")


def _words(value: str | frozenset[str]) -> list[str]:
    return [value] if isinstance(value, str) else sorted(value)


def _short(value: str | frozenset[str] | None) -> str:
    text = "none" if value is None else ", ".join(_words(value))
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"
