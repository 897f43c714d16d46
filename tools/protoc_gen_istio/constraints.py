"""The buf.validate rules of fields as keywords of JSON Schema, for values in the JSON mapping of proto3.

A rule that JSON Schema cannot express is a sentence in the description.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import EnumDescriptorProto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

Schema = dict[str, Any]
Given = Mapping[str, Any]
"""Rules by name."""
IGNORE_IF_ZERO_VALUE = 1
FORMATS = {name: name for name in ("email", "hostname", "ipv4", "ipv6", "uuid", "uri")} | {"uri_ref": "uri-reference"}
WORDS = {"lt": "below", "lte": "at most", "gt": "above", "gte": "at least", "const": "exactly"}
NUMBERS = {"lt": "exclusiveMaximum", "lte": "maximum", "gt": "exclusiveMinimum", "gte": "minimum", "const": "const"}
STRINGS = {"min_len": "minLength", "max_len": "maxLength", "const": "const"}
PATTERNS = {"prefix": "^{}", "suffix": "{}$", "contains": "{}"}
LISTS = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
MAPS = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}
LONGS = {Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_SINT64, Field.TYPE_FIXED64, Field.TYPE_SFIXED64}
"""Strings in JSON."""


def of_value(rules: Any, field: Field, enum: EnumDescriptorProto | None = None) -> Schema:  # noqa: ANN401  # FieldRules
    """Return the keywords of a single value, and the sentence under "description"."""
    kind, given = _given(rules)
    if field.type in LONGS:
        found = _sentence(given) | _listed(
            {name: [*map(str, value)] for name, value in given.items() if _is_list(name)}
        )
    elif kind == "string":
        found = _string(given)
    elif kind == "enum" and enum is not None:
        names = {value.number: value.name for value in enum.value}
        listed = {name: [names[each] for each in given[name] if each in names] for name in given if _is_list(name)}
        const = names.get(given.get("const", ""))
        found = _listed(listed) | ({"const": const} if const else {})
    elif kind == "field_mask":
        found = _field_mask(given)
    elif kind in {"bytes", "duration", "timestamp", "any", "repeated", "map", ""}:
        return {}
    else:
        found = _listed(given) | {NUMBERS[name]: value for name, value in given.items() if name in NUMBERS}
    if found and rules.ignore == IGNORE_IF_ZERO_VALUE and kind != "enum":
        return {"anyOf": [{"const": "" if kind == "string" or field.type in LONGS else 0}, found]}
    return found


def of_list(rules: Any) -> Schema:  # noqa: ANN401  # FieldRules
    """Return the keywords of a list or a map as a whole."""
    kind, given = _given(rules)
    known = {"repeated": LISTS, "map": MAPS}.get(kind, {})
    return {known[name]: value for name, value in given.items() if name in known}


def of_part(schema: Schema, prefix: str) -> Schema:
    """Return the keywords of what follows a prefix of the value, such as the id in a resource name."""
    start = f"^{prefix}"
    for each in (schema, *schema.get("anyOf", [])):
        if str(each.get("pattern", "")).startswith(start):
            return {"pattern": "^" + each["pattern"].removeprefix(start)}
    return {}


def _given(rules: Any) -> tuple[str, Given]:  # noqa: ANN401  # FieldRules
    kind = rules.WhichOneof("type") if rules is not None else None
    if not kind:
        return "", {}
    given = {rule.name: value for rule, value in getattr(rules, kind).ListFields() if not rule.is_extension}
    # JSON has no infinite numbers.
    finite = {
        name: [each for each in value if _is_finite(each)] if _is_list(name) else value for name, value in given.items()
    }
    return kind, {name: value for name, value in finite.items() if _is_finite(value)}


def _string(given: Given) -> Schema:
    found = {STRINGS[name]: value for name, value in given.items() if name in STRINGS} | _listed(given)
    for name in given.keys() & FORMATS.keys():
        found["format"] = FORMATS[name]
    if "len" in given:
        found |= {"minLength": given["len"], "maxLength": given["len"]}
    patterns = [PATTERNS[name].format(_literal(value)) for name, value in given.items() if name in PATTERNS]
    patterns += [given["pattern"]] if "pattern" in given else []
    if len(patterns) == 1:
        found["pattern"] = patterns[0]
    elif patterns:
        found["allOf"] = [{"pattern": pattern} for pattern in patterns]
    if "not_contains" in given:
        found["not"] = {"anyOf": [{"pattern": _literal(given["not_contains"])}, *filter(None, [found.get("not")])]}
    return found


def _literal(text: str) -> str:
    """Return a pattern for a text. In JavaScript a backslash before another character is an error."""
    return re.sub(r"[\\^$.*+?()[\]{}|/]", r"\\\g<0>", text)


def _field_mask(given: Given) -> Schema:
    if "in" not in given:
        return {}
    camel = (re.sub(r"_(\w)", lambda each: each[1].upper(), path) for path in given["in"])
    one = f"(?:{'|'.join(map(_literal, camel))})(?:\\.\\w+)*"
    return {"pattern": f"^(?:{one}(?:,{one})*)?$"}


def _listed(given: Given) -> Schema:
    found: Schema = {"enum": [*given["in"]]} if "in" in given else {}
    return found | ({"not": {"enum": [*given["not_in"]]}} if "not_in" in given else {})


def _sentence(given: Given) -> Schema:
    bounds = [f"{WORDS[name]} {value}" for name, value in given.items() if name in WORDS]
    return {"description": f"It is {' and '.join(bounds)}."} if bounds else {}


def _is_finite(value: Any) -> bool:  # noqa: ANN401  # the value of a rule
    return not isinstance(value, float) or math.isfinite(value)


def _is_list(name: str) -> bool:
    return name in {"in", "not_in"}
