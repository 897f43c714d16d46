"""The elements of requests whose validation rules differ between two images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.breaking.constraints import APPLIES_TO_ZERO, Rules, rules_of
from tools.breaking.image import Element, Image
from tools.breaking.samples.expressions import is_supported

BEHAVIOR, REQUIRED = "google.api.field_behavior", 2
TEXTS = frozenset({FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES})
VARINTS = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_BOOL,
        FieldDescriptor.TYPE_ENUM,
    }
)
"""Types that read each other's values."""


@dataclass
class Change:
    """An element whose rules differ, and what the samples say of it."""

    element: Element
    """The element before the change; the new one if it was added."""
    now: Element
    before: Rules
    after: Rules
    new_fields: frozenset[str] = frozenset()
    """The fields of a message that are new."""
    added: bool = False
    """Whether the element is new."""
    rejected: str = ""
    """A request that was valid and is now rejected, in words."""
    seen: set[str] = field(default_factory=set)
    """The new rules that rejected a request."""
    accepts_more: bool = False
    found_request: bool = False
    """Whether a request was found that the older rules accept."""

    @property
    def is_decided(self) -> bool:
        """Whether each new rule has rejected something, so that the samples reach both of its sides.

        A pattern that cannot be compiled, or of which only a part is known, decides nothing.
        """
        patterns = self.after.literals.patterns | self.before.literals.patterns
        if not all(map(is_supported, patterns)):
            return False
        needed = self.after.changed_since(self.before) - {APPLIES_TO_ZERO}
        return self.found_request and all(name in self.seen or self._reads_only_new_fields(name) for name in needed)

    def _reads_only_new_fields(self, name: str) -> bool:
        """Return whether a rule reads only new fields, which older callers leave unset, as in every sample."""
        words = re.findall(r"\bthis\.(\w+)|^oneof (.*)", name)
        fields = {each for one, several in words for each in (one, *several.split(", ")) if each}
        return bool(fields) and fields <= self.new_fields


class Correspondence:
    """Which messages and elements of requests correspond in two images."""

    def __init__(self, older: Image, newer: Image) -> None:
        self.older, self.newer = older, newer

    @cached_property
    def roots(self) -> list[tuple[Descriptor, Descriptor]]:
        """The request types of the methods of both images."""
        methods = [(self.older.elements.get(each.name), each) for each in self.newer.of_kind("method")]
        pairs = ((self.older.method(was).input_type, self.newer.method(now).input_type) for was, now in methods if was)
        return list({(was.full_name, now.full_name): (was, now) for was, now in pairs}.values())

    @cached_property
    def messages(self) -> dict[str, str]:
        """The messages in requests: their names before and now. Fields correspond by number."""
        found: dict[str, str] = {}
        pending = list(self.roots)
        while pending:
            was, now = pending.pop()
            if was.full_name not in found:
                found[was.full_name] = now.full_name
                for each in was.fields:
                    other = now.fields_by_number.get(each.number)
                    if other and each.message_type and other.message_type:
                        pending.append((each.message_type, other.message_type))
        return found

    def changes(self) -> Iterator[Change]:
        """Yield the elements of requests whose rules differ."""
        for was, now in sorted(self.messages.items()):
            before, after = self.older.elements.get(was), self.newer.elements.get(now)
            if before and after:
                yield from self._change(before, after)
                for element in self.newer.children(now):
                    if element.kind in {"field", "oneof"}:
                        yield from self._part(was, element)

    def is_required(self, element: Element) -> bool:
        """Return whether a field has the behaviour REQUIRED now."""
        return REQUIRED in self.newer.options(element.proto.options).get(BEHAVIOR, ())

    def newly_required(self) -> Iterator[tuple[Element, Element]]:
        """Yield the fields of requests, before and now, that have the behaviour REQUIRED and did not have it."""
        for name in self.messages:
            for was in self.older.children(name):
                now = self.newer.counterpart(was) if was.kind == "field" else None
                if (
                    now
                    and self.is_required(now)
                    and REQUIRED not in self.older.options(was.proto.options).get(BEHAVIOR, ())
                ):
                    yield was, now

    def _part(self, message: str, now: Element) -> Iterator[Change]:
        key = "number" if now.kind == "field" else "name"
        parts = (each for each in self.older.children(message) if each.kind == now.kind)
        was = next((each for each in parts if getattr(each.proto, key) == getattr(now.proto, key)), None)
        if was is None:
            rules = rules_of(self.newer, now)
            if rules.values or (now.kind == "field" and self.is_required(now)):
                yield Change(now, now, Rules(), rules, added=True)
        elif _is_readable(was, now):
            yield from self._change(was, now)

    def _change(self, was: Element, now: Element) -> Iterator[Change]:
        before, after = rules_of(self.older, was), rules_of(self.newer, now)
        if before.values != after.values:
            known = {each.proto.number for each in self.older.children(was.name) if each.kind == "field"}
            fields = (each.proto for each in self.newer.children(now.name) if each.kind == "field")
            yield Change(was, now, before, after, frozenset(each.name for each in fields if each.number not in known))


def _is_readable(was: Element, now: Element) -> bool:
    """Return whether the newer field reads what an older caller sends. buf reports other changes of the type."""
    if was.kind != "field" or was.proto.type == now.proto.type:
        return True
    types = {was.proto.type, now.proto.type}
    return types <= TEXTS or types <= VARINTS
