"""Changes of fields, methods, messages and files, which buf finds. Its messages are reported unchanged."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

from tools.breaking.findings import Finding, Level, location_of
from tools.breaking.image import Element, Image
from tools.breaking.layout import (
    VARINTS,
    changes_json,
    equal,
    loses_values,
    moves_alone,
    only_renames_oneof,
    query_parameters,
    sent_as_json,
)
from tools.breaking.sources import BUF, SourceError, State

WIRE = frozenset(
    {
        "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
        "FIELD_SAME_DEFAULT",
        "FIELD_SAME_ONEOF",
        "FIELD_WIRE_COMPATIBLE_CARDINALITY",
        "FIELD_WIRE_COMPATIBLE_TYPE",
        "FILE_SAME_PACKAGE",
        "MESSAGE_SAME_REQUIRED_FIELDS",
        "RESERVED_ENUM_NO_DELETE",
        "RESERVED_MESSAGE_NO_DELETE",
        "RPC_SAME_CLIENT_STREAMING",
        "RPC_SAME_REQUEST_TYPE",
        "RPC_SAME_RESPONSE_TYPE",
        "RPC_SAME_SERVER_STREAMING",
    }
)
"""buf's category WIRE, except the rule that behaviour.py checks."""
JSON = frozenset(
    {
        "ENUM_SAME_JSON_FORMAT",
        "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",
        "ENUM_VALUE_SAME_NAME",
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
        "FIELD_SAME_JSON_NAME",
        "FIELD_SAME_NAME",
        "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY",
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE",
        "MESSAGE_SAME_JSON_FORMAT",
    }
)
"""The rules in buf's category WIRE_JSON that are not in WIRE."""
UNIMPLEMENTED_CALLS = frozenset({"RPC_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE", "PACKAGE_NO_DELETE"})
"""Source changes for buf, but running callers get UNIMPLEMENTED, so they count as wire changes."""
NAMES_ON_THE_WIRE = frozenset({"PACKAGE_MESSAGE_NO_DELETE", "PACKAGE_NO_DELETE"})
"""Source changes for buf, but each event is sent with its full name, and consumers ignore unknown names."""
RULES = json.dumps(
    {
        "version": "v2",
        "breaking": {
            "use": ["FILE", "PACKAGE", "WIRE_JSON", "WIRE"],
            "except": ["FILE_SAME_SYNTAX", "RPC_SAME_IDEMPOTENCY_LEVEL"],
        },
    }
)
"""Every rule of buf. No buf.yaml is read, neither the older nor the newer one, so that no change can disable its own
check. behaviour.py checks the idempotency level. What a syntax or edition changes for fields and enums has its own
rules."""

KINDS = {"RPC": "method"}
"""buf's names of element kinds that differ from ours."""
RENAMED = frozenset({"FIELD_SAME_NAME", "ENUM_VALUE_SAME_NAME"})
TYPES = frozenset({"FIELD_SAME_TYPE", "FIELD_WIRE_COMPATIBLE_TYPE", "FIELD_WIRE_JSON_COMPATIBLE_TYPE"})
LANGUAGES = {
    "GO": "go_package", "JAVA": "java_package", "CSHARP": "csharp_namespace", "OBJC": "objc_class_prefix",
    "PHP": "php_namespace", "RUBY": "ruby_package", "SWIFT": "swift_prefix",
}  # fmt: skip
"""The file option with which a contract chooses the names of its code in a language."""


def compare(older: State, newer: State) -> list[Finding]:
    """Return the findings of buf, one for each element. Raises SourceError."""
    command = [str(BUF), "breaking", str(newer.built), "--against", str(older.built), "--exclude-imports"]
    command += ["--error-format", "json", "--config", RULES]
    run = subprocess.run(command, cwd=newer.folder, capture_output=True, text=True, check=False)
    if run.returncode and not run.stdout:
        raise SourceError(f"buf breaking failed\n{run.stderr}".strip())
    violations: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    subjects: dict[str, Element | None] = {}
    changes = _Changes(older.image, newer.image)
    for line in run.stdout.splitlines():
        violation = json.loads(line)
        if changes.is_harmless(violation):
            continue
        name, element = _subject(violation, older.image, newer.image)
        if (
            element
            and violation["type"] == "FIELD_SAME_ONEOF"
            and only_renames_oneof(older.image, newer.image, element)
        ):
            continue
        subjects[name] = element
        violations[name].append(violation)
    events = {
        event for declared in (*older.declared, *newer.declared) for event in (*declared.emits, *declared.consumes)
    }
    return [
        _finding(name, subjects[name], of_element, changes, events)
        for name, of_element in violations.items()
        if not _is_covered(name, violations, older.image)
    ]


def _finding(
    name: str,
    element: Element | None,
    violations: list[dict[str, Any]],
    changes: "_Changes",
    events: Collection[str],
) -> Finding:
    older, newer = changes.older, changes.newer
    holders = frozenset({element.holder}) if element else frozenset(_elements_in(name, older))
    rules = {violation["type"] for violation in violations}
    level = changes.level(element, rules)
    if rules & NAMES_ON_THE_WIRE and holders & set(events):
        level = Level.WIRE
    # A renamed field has another JSON name too. That violation is the less important one.
    violations.sort(key=lambda violation: violation["type"] == "FIELD_SAME_JSON_NAME")
    first = {_family(violation["type"]): violation for violation in reversed(violations)}
    description = " ".join(violation["message"].partition(" See http")[0] for violation in reversed(first.values()))
    path, line = violations[0].get("path"), violations[0]["start_line"]
    location = f"proto/{path}:{line}" if path else location_of(element, _file(name, older))
    rule = _family(violations[0]["type"])
    if rule == "FIELD_NO_DELETE" and name in newer.elements:
        rule = "FIELD_RENUMBERED"
    return Finding(level, rule, name, description, location, holders, element)


class _Changes:
    """What running programs notice of buf's violations."""

    def __init__(self, older: Image, newer: Image) -> None:
        self.older, self.newer = older, newer
        self._options = {file.name: file.options for file in older.files}

    def is_harmless(self, violation: dict[str, Any]) -> bool:
        """Return whether a violation is an option that changes no name and no signature of the generated code.

        Most options of a language count only if the older file chose names for that language.
        """
        if violation["type"] == "FILE_SAME_OPTIMIZE_FOR":
            return "LITE_RUNTIME" not in violation["message"]
        language = re.match("FILE_SAME_([A-Z]+)_", violation["type"])
        option = LANGUAGES.get(language[1]) if language else None
        before = self._options.get(violation.get("path", ""))
        return bool(option and before is not None and not getattr(before, option))

    def level(self, element: Element | None, rules: set[str]) -> Level:
        """Return the most severe level of the violations of one element."""
        now = self.newer.counterpart(element) if element else None
        if element and now and element.kind == "field":
            rules, levels = self._field(element, now, set(rules))
        elif element and now and element.kind == "method":
            rules, levels = self._method(element, now, set(rules)), []
        else:
            levels = [Level.JSON] if element and self._is_missed_in_requests(element) else []
        if element and rules & RENAMED and element.name in self.newer.elements:
            # The name now belongs to another number: programs take one value for the other.
            levels.append(Level.WIRE)
        if rules & (WIRE | UNIMPLEMENTED_CALLS):
            levels.append(Level.WIRE)
        if rules & JSON:
            levels.append(Level.JSON)
        return min([*levels, Level.SOURCE], key=list(Level).index)

    def _is_missed_in_requests(self, element: Element) -> bool:
        """Return whether the gateway rejects requests that still contain a removed element."""
        if element.kind == "enum value":
            return element.parent in self._sent_as_json
        return element.kind == "field" and element.name in self._query_parameters

    @cached_property
    def _query_parameters(self) -> frozenset[str]:
        return query_parameters(self.older)

    @cached_property
    def _sent_as_json(self) -> frozenset[str]:
        return sent_as_json(self.older)

    def _field(self, element: Element, now: Element, rules: set[str]) -> tuple[set[str], list[Level]]:
        before, after = self.older.field(element), self.newer.field(now)
        types = [each.message_type or each.enum_type for each in (before, after)]
        levels: list[Level] = []
        if rules & TYPES:
            if {before.type, after.type} <= VARINTS and before.type != after.type:
                rules -= TYPES
            if types[0] and types[1] and equal(types[0], types[1]):
                rules -= TYPES
            elif loses_values(before, after):
                levels.append(Level.WIRE)
            elif changes_json(before, after):
                levels.append(Level.JSON)
        if "FIELD_SAME_ONEOF" in rules and moves_alone(self.older, self.newer, element):
            rules -= {"FIELD_SAME_ONEOF"}
        return rules, levels

    def _method(self, element: Element, now: Element, rules: set[str]) -> set[str]:
        before, after = self.older.method(element), self.newer.method(now)
        if equal(before.input_type, after.input_type):
            rules -= {"RPC_SAME_REQUEST_TYPE"}
        if equal(before.output_type, after.output_type):
            rules -= {"RPC_SAME_RESPONSE_TYPE"}
        return rules


def _family(rule: str) -> str:
    """Return the rule without its category: buf has one rule of each family for every category."""
    rule = re.sub(r"^PACKAGE_(?=[A-Z]+_NO_DELETE)", "", rule)
    rule = re.sub(r"_UNLESS_\w+_RESERVED$", "", rule)
    return re.sub(r"_WIRE(_JSON)?_COMPATIBLE_", "_SAME_", rule).replace("_SAME_JSON_NAME", "_SAME_NAME")


def _is_covered(name: str, names: Collection[str], older: Image) -> bool:
    """Return whether another finding covers this one: that of the enclosing element or, for a file, of its content."""
    if name in older.packages:
        files = {older.elements[other].file for other in names if other in older.elements}
        return name in files or older.packages[name] in names
    return any(name.startswith((f"{other}.", f"{other}/")) for other in names)


def _subject(violation: dict[str, Any], older: Image, newer: Image) -> tuple[str, Element | None]:
    """Return the older name and the element of a violation; for a file, its path and None."""
    path, text = violation.get("path", ""), violation["message"]
    quoted = re.findall(r'"([^"]*)"', text)
    deleted = re.match(r"Previously present (\w+(?: value)?) .* was deleted", text)
    kind = KINDS.get(deleted[1], deleted[1]) if deleted else ""
    if kind in {"message", "enum", "service", "extension"}:
        package = older.packages.get(path, quoted[-1])
        name = next((name for name in (f"{package}.{quoted[0]}", quoted[0]) if name in older.elements), quoted[0])
        return name, older.elements.get(name)
    found = newer.element_at(path, (violation["start_line"], violation["start_column"])) if path else None
    if found is None:
        return path or quoted[0], None
    # The location of a deleted element is its former parent. buf reports its name or its number.
    candidates = (
        each
        for each in older.children(found.name)
        if each.kind == kind and quoted[0] in {each.proto.name, str(getattr(each.proto, "number", ""))}
    )
    element = next(candidates, None) or older.counterpart(found)
    return element.name if element else found.name, element


def _file(name: str, older: Image) -> str:
    """Return a file by its path, or the first file of a package."""
    return next((file for file, package in older.packages.items() if name in {file, package}), name)


def _elements_in(name: str, older: Image) -> Iterator[str]:
    """Yield the names of the elements that a file or package contained."""
    for element in older.elements.values():
        if element.kind in {"message", "enum", "method"} and name in {element.file, older.packages[element.file]}:
            yield element.name
