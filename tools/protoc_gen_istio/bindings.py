"""The contracts' google.api.http rules: which request over HTTP is which call."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import MethodOptions

VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]+))?\}")
WILDCARD = re.compile(r"\*+")


@dataclass(frozen=True)
class Variable:
    """A part of a path that is told from call to call."""

    name: str
    field: str
    """The field of the request that it goes into, as "product.name"."""
    pattern: str
    """What the field then holds: "products/{product}"."""


@dataclass(frozen=True)
class Binding:
    """A verb and a path that lead to a method."""

    verb: str
    """In lower case, as OpenAPI has it."""
    path: str
    """With a name for each part that is told: "/v1/products/{product}"."""
    variables: tuple[Variable, ...]
    body: str
    """The field that the body is, "*" for all that are not in the path, or nothing."""
    response_body: str
    """The field that the answer's body is, or nothing: all of it."""


def http_rule(options: MethodOptions) -> HttpRule | None:
    """Answer a method's google.api.http rule, which its own module knows how to read."""
    extension: Any = annotations_pb2.http  # google's own types do not say whose extension it is
    found = MethodOptions.FromString(options.SerializeToString())
    return found.Extensions[extension] if found.HasExtension(extension) else None


def bindings(options: MethodOptions, names: Mapping[str, str]) -> Iterator[Binding]:
    """Answer a method's bindings; `names` has how parts of resource names are called (Elements.resources)."""
    rule = http_rule(options)
    for each in (rule, *rule.additional_bindings) if rule else ():
        verb = str(each.WhichOneof("pattern"))
        template = each.custom.path if verb == "custom" else getattr(each, verb)
        variables: list[Variable] = []

        def named(found: re.Match[str], variables: list[Variable] = variables) -> str:
            field, segments = found[1], found[2] or "*"
            pattern = names.get(segments) or WILDCARD.sub(f"{{{field.rpartition('.')[2]}}}", segments)
            variables += [Variable(name, field, pattern) for name in re.findall(r"\{(\w+)\}", pattern)]
            return pattern

        path = VARIABLE.sub(named, template)
        verb = each.custom.kind.lower() if verb == "custom" else verb
        yield Binding(verb, path, tuple(variables), each.body, each.response_body)
