"""What buf finds: fields, methods, messages and files that are not what they were. Its own words are kept."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from tools.breaking.findings import Finding, Level, place
from tools.breaking.image import Element, Image
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
"""buf's category WIRE, except the one rule that is left to behaviour.py."""
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
"""What buf's category WIRE_JSON has more than WIRE."""
UNANSWERED = frozenset({"RPC_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE", "PACKAGE_NO_DELETE"})
"""buf takes these for changes of source alone, but a program that runs and calls is refused: UNIMPLEMENTED."""
NAMED_ON_THE_WIRE = frozenset({"PACKAGE_MESSAGE_NO_DELETE", "PACKAGE_NO_DELETE"})
"""The same, but an event's full name is sent with it: consumers pass over a name that they do not know."""
RULES = json.dumps(
    {
        "version": "v2",
        "breaking": {
            "use": ["FILE", "PACKAGE", "WIRE_JSON", "WIRE"],
            "except": ["RPC_SAME_IDEMPOTENCY_LEVEL"],
        },
    }
)
"""Every rule that buf has. No buf.yaml is read, neither the older nor the newer one: no change can switch off what
would catch it. Whether a promise of idempotency is given or taken back is judged by behaviour.py."""

KINDS = {"RPC": "method"}
"""buf's words for kinds of elements, where they are not ours."""


def compare(older: State, newer: State) -> list[Finding]:
    """Answer what buf finds, one finding for each element. Raises SourceError."""
    command = [str(BUF), "breaking", str(newer.built), "--against", str(older.built), "--exclude-imports"]
    command += ["--error-format", "json", "--config", RULES]
    run = subprocess.run(command, cwd=newer.folder, capture_output=True, text=True, check=False)
    if run.returncode and not run.stdout:
        raise SourceError(f"buf breaking failed\n{run.stderr}".strip())
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    subjects: dict[str, Element | None] = {}
    for line in run.stdout.splitlines():
        offence = json.loads(line)
        name, element = _subject(offence, older.image, newer.image)
        subjects[name] = element
        found[name].append(offence)
    events = {
        event for declared in (*older.declared, *newer.declared) for event in (*declared.emits, *declared.consumes)
    }
    return [
        _finding(name, subjects[name], offences, (older.image, newer.image), events)
        for name, offences in found.items()
        if not _told_elsewhere(name, found, older.image)
    ]


def _finding(
    name: str,
    element: Element | None,
    offences: list[dict[str, Any]],
    images: tuple[Image, Image],
    events: Collection[str],
) -> Finding:
    older, newer = images
    holders = frozenset({element.holder}) if element else frozenset(_held(name, older))
    rules = {offence["type"] for offence in offences}
    level = Level.SOURCE
    if rules & (WIRE | UNANSWERED) or (rules & NAMED_ON_THE_WIRE and holders & set(events)):
        level = Level.WIRE
    elif rules & JSON:
        level = Level.JSON
    # Of a field whose name is another, its name in JSON is too.
    offences.sort(key=lambda offence: offence["type"] == "FIELD_SAME_JSON_NAME")
    first = {_family(offence["type"]): offence for offence in reversed(offences)}
    told = " ".join(offence["message"].partition(" See http")[0] for offence in reversed(first.values()))
    path, line = offences[0].get("path"), offences[0]["start_line"]
    where = f"proto/{path}:{line}" if path else place(element, _file(name, older))
    rule = _family(offences[0]["type"])
    if rule == "FIELD_NO_DELETE" and name in newer.elements:
        rule = "FIELD_RENUMBERED"
    return Finding(level, rule, name, told, where, holders, element)


def _family(rule: str) -> str:
    """Answer what kind of change a rule is about: buf has a rule of each for every category."""
    rule = re.sub(r"^PACKAGE_(?=[A-Z]+_NO_DELETE)", "", rule)
    rule = re.sub(r"_UNLESS_\w+_RESERVED$", "", rule)
    return re.sub(r"_WIRE(_JSON)?_COMPATIBLE_", "_SAME_", rule).replace("_SAME_JSON_NAME", "_SAME_NAME")


def _told_elsewhere(name: str, found: Collection[str], older: Image) -> bool:
    """Whether what it stood in is gone with it; or, of a file, whether what stood in it is told."""
    if name in older.packages:
        files = {older.elements[other].file for other in found if other in older.elements}
        return name in files or older.packages[name] in found
    return any(name.startswith((f"{other}.", f"{other}/")) for other in found)


def _subject(offence: dict[str, Any], older: Image, newer: Image) -> tuple[str, Element | None]:
    """Answer the name of what an offence is about, as it was before, and the element; of a file, its path alone."""
    path, text = offence.get("path", ""), offence["message"]
    quoted = re.findall(r'"([^"]*)"', text)
    gone = re.match(r"Previously present (\w+(?: value)?) .* was deleted", text)
    kind = KINDS.get(gone[1], gone[1]) if gone else ""
    if kind in {"message", "enum", "service", "extension"}:
        package = older.packages.get(path, quoted[-1])
        name = next((name for name in (f"{package}.{quoted[0]}", quoted[0]) if name in older.elements), quoted[0])
        return name, older.elements.get(name)
    at = newer.at(path, (offence["start_line"], offence["start_column"])) if path else None
    if at is None:
        return path or quoted[0], None
    # What is gone stood in what is there. buf tells its name, or its number.
    lost = (
        each
        for each in older.children(at.name)
        if each.kind == kind and quoted[0] in {each.proto.name, str(getattr(each.proto, "number", ""))}
    )
    element = next(lost, None) or older.same(at)
    return element.name if element else at.name, element


def _file(name: str, older: Image) -> str:
    """Answer a file by its path, or the first one of a package."""
    return next((file for file, package in older.packages.items() if name in {file, package}), name)


def _held(name: str, older: Image) -> Iterator[str]:
    """Answer what a file or a package, which is gone or has become another, held."""
    for element in older.elements.values():
        if element.kind in {"message", "enum", "method"} and name in {element.file, older.packages[element.file]}:
            yield element.name
