"""The contracts' google.api.http rules: which HTTP request maps to which method."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import MethodOptions

VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]+))?\}")
PART = re.compile(r"\{(\w+)\}")
WILDCARD = re.compile(r"\*+")
HTTP_NUMBER = 72295728
"""The number of the option google.api.http."""


@dataclass(frozen=True)
class Variable:
    """A variable part of a path."""

    name: str
    field: str
    """The request field that it is part of, such as "product.name"."""
    pattern: str
    """The full value of that field: "products/{product}"."""


@dataclass(frozen=True)
class Binding:
    """An HTTP verb and path that map to a method."""

    verb: str
    """In lower case, as in OpenAPI."""
    path: str
    """With a name for each variable: "/v1/products/{product}"."""
    variables: tuple[Variable, ...]
    body: str
    """The field in the request body; "*" for all fields that are not in the path; empty without a body."""
    response_body: str
    """The field in the response body; empty for the whole message."""


def http_rule(options: MethodOptions) -> HttpRule | None:
    """Return a method's google.api.http rule, or None."""
    extension: Any = annotations_pb2.http  # google's type stubs do not say which message it extends
    # The options come from the request's descriptor pool. They are parsed again, so that the extension is known.
    parsed = MethodOptions.FromString(options.SerializeToString())
    return parsed.Extensions[extension] if parsed.HasExtension(extension) else None


def bindings(options: MethodOptions, names: Mapping[str, str]) -> Iterator[Binding]:
    """Yield a method's bindings. `names` maps resource patterns to named ones (Elements.resources)."""
    rule = http_rule(options)
    for each in (rule, *rule.additional_bindings) if rule else ():
        verb = str(each.WhichOneof("pattern"))
        variables: list[Variable] = []

        def named(found: re.Match[str], variables: list[Variable] = variables) -> str:
            field, segments = found[1], found[2] or "*"
            pattern = names.get(segments) or WILDCARD.sub(f"{{{field.rpartition('.')[2]}}}", segments)
            used = {variable.name for variable in variables}
            pattern = PART.sub(lambda part: f"{{{_unused(part[1], used)}}}", pattern)
            variables += [Variable(name, field, pattern) for name in PART.findall(pattern)]
            return pattern

        path = VARIABLE.sub(named, getattr(each, verb))
        yield Binding(verb, path, tuple(variables), each.body, each.response_body)


def _unused(name: str, used: set[str]) -> str:
    """Return a name that is not used yet, and add it: OpenAPI needs a different name for each part of a path."""
    numbered = (f"{name}_{number}" for number in count(2))
    free = next(each for each in chain([name], numbered) if each not in used)
    used.add(free)
    return free
