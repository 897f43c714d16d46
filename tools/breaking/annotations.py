"""Changes of options of fields and messages that document behaviour: resources, field behavior and redaction.

REQUIRED is a rule of requests, see rules.py.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from google.api.field_behavior_pb2 import FieldBehavior

from tools.breaking.findings import Finding, Level, Note, behavioural
from tools.breaking.image import Element, Image

BEHAVIOR, RESOURCE, REFERENCE = (f"google.api.{name}" for name in ("field_behavior", "resource", "resource_reference"))
VARIABLE = re.compile(r"\{\w+\}")
READ_ONLY = {"OUTPUT_ONLY", "IDENTIFIER"}
IN_REQUESTS = {
    "OUTPUT_ONLY": "It is now OUTPUT_ONLY: a value in a request is ignored.",
    "IMMUTABLE": "It is now IMMUTABLE: a request can no longer change it.",
}
IN_RESPONSES = {
    "INPUT_ONLY": "It is now INPUT_ONLY: responses no longer contain it.",
    "UNORDERED_LIST": "It is now an UNORDERED_LIST: its order may change from response to response.",
}


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Yield the changes of each message and field that is in both images."""
    requests = older.requests()
    for enum in older.of_kind("enum"):
        yield from _first_names(enum, older, newer)
    for was in older.of_kind("message", "field"):
        now = newer.counterpart(was)
        if now is None:
            continue
        before, after = older.options(was.proto.options), newer.options(now.proto.options)
        if was.kind == "message":
            yield from _resource(was, now, before.get(RESOURCE), after.get(RESOURCE))
        else:
            yield from _behavior(was, now, *(_names(each) for each in (before, after)), is_input=was.parent in requests)
            yield from _reference(was, now, before.get(REFERENCE), after.get(REFERENCE))
            if before.get(REDACT) and not after.get(REDACT):
                yield behavioural("REDACT", was, now, "It is no longer redacted: logs may contain its value.")


REDACT = "google.protobuf.FieldOptions.debug_redact"


def _first_names(enum: Element, older: Image, newer: Image) -> Iterator[Finding]:
    """Yield the values that another name now precedes. JSON has the first name of a number."""
    now = newer.elements.get(enum.name)
    names: dict[int, str] = {}
    for value in now.proto.value if now else ():
        names.setdefault(value.number, value.name)
    known = {value.name for value in now.proto.value} if now else set()
    for was in older.children(enum.name):
        name = names.get(was.proto.number, was.proto.name)
        if older.counterpart(was) == was and name != was.proto.name and was.proto.name in known:
            text = f"JSON has the name {name} instead, because it precedes {was.proto.name}."
            current = newer.elements[was.name]
            yield replace(behavioural("ENUM_VALUE_SAME_NAME", was, current, text), level=Level.JSON)


def _names(options: dict[str, Any]) -> set[str]:
    return {FieldBehavior.Name(number) for number in options.get(BEHAVIOR, ()) if number in FieldBehavior.values()}


def _behavior(was: Element, now: Element, before: set[str], after: set[str], *, is_input: bool) -> Iterator[Finding]:
    added = after - before
    texts = IN_RESPONSES | (IN_REQUESTS if is_input and not before & READ_ONLY else {})
    for name in sorted(added & texts.keys()):
        yield behavioural("FIELD_BEHAVIOR", was, now, texts[name])
        return


def _resource(was: Element, now: Element, before: Any, after: Any) -> Iterator[Finding | Note]:  # noqa: ANN401  # dynamic
    if before is None:
        return
    if after is None:
        yield behavioural("RESOURCE", was, now, f"It is no longer the resource {before.type}.")
        return
    known = {VARIABLE.sub("*", pattern) for pattern in before.pattern}
    # The names of the variables are not part of a resource's name.
    current = {VARIABLE.sub("*", pattern) for pattern in after.pattern}
    gone = [pattern for pattern in before.pattern if VARIABLE.sub("*", pattern) not in current]
    if before.type != after.type:
        yield behavioural("RESOURCE", was, now, f"The type of the resource is {after.type} instead of {before.type}.")
    elif gone:
        text = f"Its names no longer have the pattern {gone[0]}, which callers build and parse."
        yield behavioural("RESOURCE", was, now, text)
    elif added := [pattern for pattern in after.pattern if VARIABLE.sub("*", pattern) not in known]:
        yield Note("added", f"pattern of the resource {before.type}: {', '.join(added)}")
    elif (before.singular, before.plural) != (after.singular, after.plural):
        text = f"The resource is called {after.singular}, {after.plural} instead of {before.singular}, {before.plural}."
        yield replace(behavioural("RESOURCE", was, now, text), level=Level.SOURCE)


def _reference(was: Element, now: Element, before: Any, after: Any) -> Iterator[Finding]:  # noqa: ANN401  # dynamic
    types = [(each.type or f"a parent of {each.child_type}") if each is not None else "" for each in (before, after)]
    if types[0] and types[1] and "*" not in types and types[0] != types[1]:
        yield behavioural("RESOURCE", was, now, f"It names {types[1]} instead of {types[0]}.")
    elif types[0] and not types[1]:
        text = f"It no longer declares that it names {types[0]}, so generated clients lose their helpers."
        yield replace(behavioural("RESOURCE", was, now, text), level=Level.SOURCE)
