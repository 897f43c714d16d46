"""Trials: requests that the older rules accept are checked by the newer ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from protovalidate import CompilationError, EvaluationError, Validator

from tools.breaking.changes import Change, Correspondence
from tools.breaking.constraints import LOWER, UPPER, Rules, rules_of
from tools.breaking.image import Element
from tools.breaking.samples.fields import ENTRY, UNEVALUATED, Fields
from tools.breaking.samples.literals import Literals
from tools.breaking.samples.paths import Path, message_in, paths
from tools.breaking.samples.requests import Requests
from tools.breaking.samples.values import TIMES
from tools.breaking.sources import SourceError

MAX_VARIATIONS = 60_000
"""How many requests are tried for one change."""


class Trials:
    """Checks requests by the rules of two images."""

    def __init__(self, pairs: Correspondence, changes: Sequence[Change]) -> None:
        self._pairs = pairs
        self._changed = {change.now.name for change in changes}
        self._before, self._after = Validator(), Validator()
        self._literals: dict[str, Literals] = {}
        self._requests: dict[tuple[str, str], Requests] = {}
        self._alone: dict[tuple[object, ...], tuple[bool, set[str], bool]] = {}

    def run(self, change: Change) -> None:
        """Try requests with the changed element, until a valid one is rejected. The change stores the result."""
        if not self._may_reject(change):
            return
        holder = change.element.holder
        for was, now in self._pairs.roots:
            for path in ((), *paths(was)):
                message = message_in(path[-1]) if path else was
                if message and message.full_name == holder and not change.rejected:
                    inside = change.element.kind == "field" and not change.added
                    last = (message.fields_by_number[change.element.proto.number],) if inside else ()
                    self._try(change, self.requests(was, now), (*path, *last), now)

    def accepts_missing(self, element: Element) -> bool:
        """Return whether the older rules of a field accept a message without it."""
        message = self._pairs.older.new(element.parent)
        return all(names[:1] != (element.proto.name,) for names in self.faults(message))

    def _may_reject(self, change: Change) -> bool:
        """Return whether the newer rules of a field reject a value that its older rules accept.

        If they do not, they reject no request either. The fields of a message may depend on each other, so a message is
        always tried in requests.
        """
        if change.added or change.element.kind != "field":
            return True
        field = self._pairs.older.field(change.element)
        message = message_in(field)
        if message is not None and message.full_name not in TIMES:
            return True
        key = (
            field.type,
            field.is_repeated,
            field.enum_type.full_name if field.enum_type else "",
            repr(sorted(change.before.values.items())),
            repr(sorted(change.after.values.items())),
        )
        if key not in self._alone:
            self._alone[key] = self._try_alone(change, field)
        rejects, change.seen, change.accepts_more = self._alone[key]
        # The context of a request cannot make a value valid, so no request is needed.
        change.found_request = not rejects
        return rejects

    def _try_alone(self, change: Change, field: FieldDescriptor) -> tuple[bool, set[str], bool]:
        """Return whether a value is now rejected, the rules that rejected a value, and whether more is accepted."""
        holder = self._pairs.newer.new(self._pairs.messages[change.element.holder]).DESCRIPTOR
        rejects, seen, accepts_more = False, set[str](), False
        for message in Fields(self).alone(field):
            before = any(names[:1] == (field.name,) for names in self.faults(message))
            after = [each for each in self._violations(message, holder) if self._owner(holder, each) == change.now.name]
            rejects |= bool(after) and not before
            accepts_more |= before and not after
            for each in after:
                seen |= change.after.names.get(_rule_path(each), set()) | _range(change.after, each)
        return rejects, seen, accepts_more

    def _try(self, change: Change, requests: Requests, path: Path, now: Descriptor) -> None:
        new = change.after.changed_since(change.before)
        # Only an expression depends on several fields.
        whole = not path or (path[-1].message_type is not None and any("cel " in name for name in new))
        words = frozenset(re.findall(r"\b\w+\b(?!\s*\()", " ".join(new)))
        change.found_request |= bool(requests.bases)
        # Older callers do not set a new field.
        is_new = change.added and change.element.kind == "field"
        variations = requests.plain() if is_new else requests.variations(path, words if whole else None)
        for variation in islice(variations, MAX_VARIATIONS):
            before, after = self.faults(variation.message), self._violations(variation.message, now)
            own = [each for each in after if self._owner(now, each) == change.now.name]
            if not before and (proof := own or [each for each in after if self._owner(now, each) not in self._changed]):
                change.rejected = (
                    f"A request {variation.description} was valid and is now rejected: {_reason(proof[0])}"
                )
                return
            change.accepts_more |= bool(before) and not after
            for each in own:
                change.seen |= change.after.names.get(_rule_path(each), set()) | _range(change.after, each)

    def _owner(self, root: Descriptor, violation: Any) -> str:  # noqa: ANN401  # protovalidate's violation
        """Return the full name of the field, oneof or message whose rule was violated."""
        names = field_names(violation)
        # A violation of the rule of a message or a oneof does not name the rule.
        is_message = violation.rule is None
        message = root
        for name in names if is_message else names[:-1]:
            if name in message.oneofs_by_name:
                return f"{message.full_name}.{name}"
            message = message_in(message.fields_by_name[name]) or message
        return message.full_name if is_message or not names else f"{message.full_name}.{names[-1]}"

    def requests(self, was: Descriptor, now: Descriptor) -> Requests:
        """Return the requests of one type, by its descriptors before and now."""
        key = was.full_name, now.full_name
        if key not in self._requests:
            self._requests[key] = Requests(type(self._pairs.older.new(was.full_name)), self)
        return self._requests[key]

    def literals(self, path: Path) -> Literals:
        """Return the literals in the rules of a path's fields and of the messages around them, before and now."""
        found = Literals()
        for each in path:
            found |= self.own_literals(each)
            found |= self._of_message(each.containing_type.full_name)
        return found

    def own_literals(self, each: FieldDescriptor) -> Literals:
        """Return the literals in the rules of a field, before and now."""
        if each.full_name not in self._literals:
            now = self._pairs.messages.get(each.full_name.rpartition(".")[0], "")
            same = (other for other in self._pairs.newer.children(now) if other.kind == "field")
            after = next((other for other in same if other.proto.number == each.number), None)
            self._literals[each.full_name] = self._of_both(self._pairs.older.elements.get(each.full_name), after)
        return self._literals[each.full_name]

    def _of_message(self, name: str) -> Literals:
        if name not in self._literals:
            now = self._pairs.newer.elements.get(self._pairs.messages.get(name, ""))
            self._literals[name] = self._of_both(self._pairs.older.elements.get(name), now)
        return self._literals[name]

    def _of_both(self, was: Element | None, now: Element | None) -> Literals:
        before = rules_of(self._pairs.older, was).literals if was else Literals()
        return before | rules_of(self._pairs.newer, now).literals if now else before

    def faults(self, message: Message) -> list[tuple[str, ...]]:
        """Return the field names of each violation of the older rules, with ENTRY after a list or map."""
        try:
            violations = self._before.collect_violations(message)
        except EvaluationError:
            return [(UNEVALUATED,)]
        except CompilationError as error:
            raise SourceError(f"the rules of {message.DESCRIPTOR.full_name} do not compile: {error}") from error
        return [field_names(each.proto, entries=True) for each in violations]

    def _violations(self, message: Message, now: Descriptor) -> list[Any]:
        """Return the violations of the newer rules in a request of an older caller."""
        newer = self._pairs.newer.new(now.full_name)
        try:
            newer.ParseFromString(message.SerializeToString())
            return [each.proto for each in self._after.collect_violations(newer)]
        except DecodeError:
            return []
        except EvaluationError as error:
            return [_Failed(str(error))]
        except CompilationError as error:
            raise SourceError(f"the rules of {now.full_name} do not compile: {error}") from error


@dataclass
class _Failed:
    """A rule that cannot be evaluated."""

    message: str
    rule_id: str = ""
    field: Any = None
    rule: Any = None


def field_names(violation: Any, *, entries: bool = False) -> tuple[str, ...]:  # noqa: ANN401  # of protovalidate
    """Return the names of the fields of a violation, with ENTRY after a list or map if `entries`."""
    names: list[str] = []
    for each in violation.field.elements if violation.field else ():
        names.append(each.field_name)
        if entries and each.subscript:
            names.append(ENTRY)
    return tuple(names)


def _rule_path(violation: Any) -> tuple[str, ...]:  # noqa: ANN401  # protovalidate's violation
    if violation.rule is None:
        return (violation.rule_id,)
    path: list[str] = []
    for each in violation.rule.elements:
        path.append(each.field_name)
        if each.subscript:
            path.append(str(each.subscript.value))
    return tuple(path)


def _range(rules: Rules, violation: Any) -> set[str]:  # noqa: ANN401  # protovalidate's violation
    """Return the names of the violated bounds. The validator reports a lower and an upper bound as one rule."""
    prefix, _, rule = violation.rule_id.rpartition(".")
    bounds = {*rule.split("_")} & {*LOWER, *UPPER}
    return {name for name in rules.values for bound in bounds if name.endswith(f"{prefix}.{bound}")}


def _reason(violation: Any) -> str:  # noqa: ANN401  # protovalidate's violation
    names = ".".join(field_names(violation))
    return f"{names} {violation.message or violation.rule_id}".strip()
