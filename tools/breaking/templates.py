"""Changes of the HTTP paths of methods: which requests the gateway sends to another method than before, or to none.

Templates are compared by matching, not by text: requests that match an older template are routed by both states. So
`{name=*}` equals `{name}`, and a new path that is more specific than an older one is found if it takes its requests.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tools.breaking.findings import Finding, Level, Note, Reach, behavioural
from tools.breaking.image import Image
from tools.protoc_gen_istio.options import HTTP_OPTION

VERBS = ("get", "put", "post", "delete", "patch")
VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")
SUFFIX = re.compile(r":([^/:{}]+)$")
ANY, REST = "*", "**"
PREFERENCE = {ANY: 1, REST: 2}
"""Envoy prefers a literal segment, then `*`, then `**`."""
SEGMENT = "x"
"""Stands for any text in a request."""


@dataclass(frozen=True)
class Request:
    """A verb and a path, as its segments and the part behind the last colon."""

    verb: str
    segments: tuple[str, ...]
    suffix: str

    def __str__(self) -> str:
        """Return the verb and the path."""
        return f"{self.verb} /{'/'.join(self.segments)}{f':{self.suffix}' if self.suffix else ''}"


@dataclass(frozen=True)
class Template:
    """An HTTP path of a method."""

    method: str
    verb: str
    path: str
    segments: tuple[str, ...]
    suffix: str
    variables: tuple[tuple[str, int, int], ...]
    """A request field, with its first and its last segment, exclusively; from the end if negative, 0 for all."""
    body: str
    response_body: str

    def __str__(self) -> str:
        """Return the verb, the path and the fields of the bodies."""
        body = f" with the body {self.body}" if self.body else ""
        return f"{self.verb} {self.path}{body}" + (
            f" with the response body {self.response_body}" if self.response_body else ""
        )

    def matches(self, request: Request) -> bool:
        """Return whether a request matches."""
        if (self.verb, self.suffix) != (request.verb, request.suffix):
            return False
        head, rest = self.segments, self.segments[-1:] == (REST,)
        if rest:
            head = head[:-1]
        enough = len(request.segments) >= len(head) if rest else len(request.segments) == len(head)
        return enough and all(mine in {ANY, theirs} for mine, theirs in zip(head, request.segments, strict=False))

    @property
    def preference(self) -> tuple[int, ...]:
        """Return the sort key of templates that match the same request: Envoy chooses the first."""
        return tuple(PREFERENCE.get(segment, 0) for segment in self.segments)

    def effect(self, request: Request) -> tuple[object, ...]:
        """Return the method that gets a request that matches, and where its fields come from."""
        count = len(request.segments)
        values = {field: request.segments[start : (end or count)] for field, start, end in self.variables}
        return self.method, frozenset(values.items()), self.body, self.response_body

    def requests(self, others: "list[Template]") -> Iterator[Request]:
        """Yield requests that match: one with any text, and those that literal segments of others match too."""
        usual = tuple(SEGMENT if segment in PREFERENCE else segment for segment in self.segments)
        yield Request(self.verb, usual, self.suffix)
        if self.segments[-1:] == (REST,):
            yield Request(self.verb, (*usual, SEGMENT), self.suffix)
        for index, segment in enumerate(self.segments):
            literals = {
                other.segments[index]
                for other in others
                if segment in PREFERENCE and index < len(other.segments) and other.segments[index] not in PREFERENCE
            }
            for literal in sorted(literals):
                yield Request(self.verb, (*usual[:index], literal, *usual[index + 1 :]), self.suffix)


def templates(image: Image) -> Mapping[str, list[Template]]:
    """Return the HTTP paths of each method of an image."""
    rules = {method.name: image.options(method.proto.options).get(HTTP_OPTION) for method in image.of_kind("method")}
    return {name: list(of_rule(name, rule)) for name, rule in rules.items() if rule is not None}


def of_rule(method: str, rule: Any) -> Iterator[Template]:  # noqa: ANN401  # a google.api.HttpRule of the image's pool
    """Yield the templates of a google.api.http rule."""
    pattern = rule.WhichOneof("pattern")
    if pattern:
        verb = rule.custom.kind if pattern == "custom" else pattern.upper()
        path = rule.custom.path if pattern == "custom" else getattr(rule, pattern)
        suffix = SUFFIX.search(path)
        segments: list[str] = []
        variables: list[tuple[str, int, int]] = []
        for part in re.findall(r"\{[^}]*\}|[^/{}]+", path[: suffix.start()] if suffix else path):
            variable = VARIABLE.fullmatch(part)
            inner = (variable[2] or ANY).strip("/").split("/") if variable else [part]
            if variable:
                end = 0 if inner[-1] == REST else len(segments) + len(inner)
                variables.append((variable[1], len(segments), end))
            segments += inner
        yield Template(
            method, verb, path, tuple(segments), suffix[1] if suffix else "", tuple(variables), rule.body,
            rule.response_body,
        )  # fmt: skip
    for other in rule.additional_bindings:
        yield from of_rule(method, other)


def route(request: Request, known: list[Template]) -> list[Template]:
    """Return the template that Envoy chooses for a request; several if it cannot choose, none if it responds 404."""
    matching = [each for each in known if each.matches(request)]
    best = min((each.preference for each in matching), default=())
    return [each for each in matching if each.preference == best]


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Yield the methods of both images that get fewer requests than before, or more."""
    before, after = templates(older), templates(newer)
    was, now = ([each for of_method in side.values() for each in of_method] for side in (before, after))
    for name in sorted(before.keys() | after.keys()):
        element, current = older.elements.get(name), newer.elements.get(name)
        if element is None or current is None:
            continue
        removed: list[Template] = []
        taken: list[tuple[Request, list[str]]] = []
        for template in before.get(name, []):
            lost = _lost(template, was, now)
            if lost is None:
                continue
            request, takers = lost
            if takers:
                taken.append((request, takers))
            else:
                removed.append(template)
        texts = {str(template) for template in before.get(name, [])}
        added = [
            str(template)
            for template in after.get(name, [])
            if str(template) not in texts and any(not _is_same(each, template, was) for each in template.requests([]))
        ]
        if removed:
            more = f" and {' and '.join(sorted(added))} is added" if added else ""
            paths = " and ".join(sorted(map(str, removed)))
            description = f"REST path {paths} is removed{more}."
            yield replace(behavioural("HTTP", element, current, description, Reach.OUTSIDE), level=Level.JSON)
        elif taken:
            sentences = [f"The request {request} now calls {' or '.join(takers)}." for request, takers in taken]
            description = " ".join(sentences)
            yield replace(behavioural("HTTP", element, current, description, Reach.OUTSIDE), level=Level.JSON)
        elif added:
            yield Note("added", f"REST path {' and '.join(sorted(added))} of method {name}")


def _lost(template: Template, was: list[Template], now: list[Template]) -> tuple[Request, list[str]] | None:
    """Return a request that the method no longer gets as before, and the methods that get it instead."""
    for request in template.requests(now):
        if [each.method for each in route(request, was)] != [template.method] or template not in route(request, was):
            continue
        chosen = route(request, now)
        if [each.effect(request) for each in chosen] != [template.effect(request)]:
            others = sorted({each.method for each in chosen} - {template.method})
            return request, [*others, *([template.method] if others and len(chosen) > 1 else [])]
    return None


def _is_same(request: Request, template: Template, was: list[Template]) -> bool:
    return [each.effect(request) for each in route(request, was)] == [template.effect(request)]
