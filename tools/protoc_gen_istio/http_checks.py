"""Faults in google.api.http rules. Envoy rejects all paths of the gateway for some of them, and ignores others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from tools.protoc_gen_istio.bindings import http_rule
from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.http_collisions import Path, collisions
from tools.protoc_gen_istio.templates import TemplateError, parse

VERBS = ("get", "put", "post", "delete", "patch")
WITHOUT_BODY = ("get", "delete")
WHOLE = "*"
"""The body that holds all fields that are not in the path."""
HTTP_BODY = ".google.api.HttpBody"
NESTED = (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_GROUP)


def http_faults(methods: Sequence[Method], elements: Elements, own_paths: Sequence[str]) -> Iterator[str]:
    """Yield a line for each fault. `own_paths` are those that the gateway serves itself."""
    paths: list[Path] = []
    for method in methods:
        descriptor = elements.methods[method.name]
        request, response = (name.removeprefix(".") for name in (descriptor.input_type, descriptor.output_type))
        for rule in _rules(http_rule(descriptor.options)):
            checked = _Rule(method, rule, request, response, elements.messages)
            yield from (f"{method.http_location}: {method.short} {fault}" for fault in checked.faults())
            paths += checked.path()
    for path, text in collisions(paths, methods, own_paths):
        yield f"{path.method.http_location}: {path.method.short} has the path {path}, which {text}: choose another path"


def _rules(rule: HttpRule | None) -> Iterator[HttpRule]:
    if rule:
        yield rule
        for other in rule.additional_bindings:
            yield from _rules(other)


@dataclass(frozen=True)
class _Rule:
    """A rule of a method, or an additional one."""

    method: Method
    rule: HttpRule
    request: str
    response: str
    messages: Mapping[str, DescriptorProto]

    @property
    def verb(self) -> str:
        return self.rule.WhichOneof("pattern") or ""

    @property
    def text(self) -> str:
        return str(getattr(self.rule, self.verb))

    def path(self) -> Iterator[Path]:
        """Yield the path if it is valid."""
        try:
            if self.verb in VERBS:
                yield Path(self.method, self.verb, self.text, parse(self.text))
        except TemplateError:
            pass

    def faults(self) -> Iterator[str]:
        if any(other.additional_bindings for other in self.rule.additional_bindings):
            yield "has additional_bindings inside of additional_bindings: list all of them in the outer rule"
        if not self.verb:
            yield f"has an empty google.api.http rule: set one of {', '.join(VERBS)}, or remove the rule"
        elif self.verb not in VERBS:
            kind = self.rule.custom.kind
            yield f"has the HTTP verb {kind!r}, which OpenAPI or Envoy does not know: use one of {', '.join(VERBS)}"
        else:
            try:
                fields = parse(self.text).fields
            except TemplateError as error:
                yield f"has the path {self.text!r}, which {error}"
            else:
                yield from (f"has the path {self.text}, but {why}" for why in map(self._variable, fields) if why)
                yield from self._body(fields)
            yield from self._response_body()

    def _body(self, fields: Sequence[str]) -> Iterator[str]:
        body, request = self.rule.body, f"{self.verb.upper()} {self.text}"
        if body and self.verb in WITHOUT_BODY:
            yield f"has a body in {request}, which proxies may drop: remove `body`, or use post"
        elif body in fields:
            yield f'has {body} in the path {self.text} and as its body: name another field as the body, or "{WHOLE}"'
        elif body not in {"", WHOLE} and not self._field(body, self.request):
            yield f'has the body {body!r}, but {self._unknown(body, self.request)}, or "{WHOLE}"'
        elif self.method.requests_stream and body != WHOLE:
            yield f'takes a stream of requests, which {request} cannot carry: use post with the body "{WHOLE}"'

    def _response_body(self) -> Iterator[str]:
        name = self.rule.response_body
        found = self._field(name, self.response)
        if name and not found:
            yield f"has the response_body {name!r}, but {self._unknown(name, self.response)}, or remove response_body"
        elif found and (found.type_name != HTTP_BODY or found.label == FieldDescriptorProto.LABEL_REPEATED):
            yield f"has the response_body {name!r}, but Envoy sends only a google.api.HttpBody: remove response_body"

    def _variable(self, path: str) -> str:
        """Return why a field cannot take a part of a URL; empty if it can."""
        message, (*outer, last) = self.request, path.split(".")
        for name in outer:
            field = self._field(name, message)
            if not field:
                return self._unknown(name, message)
            if field.label == FieldDescriptorProto.LABEL_REPEATED or field.type not in NESTED:
                return f"{name} of {message} is not one message: use a field of {self.request}"
            message = field.type_name.removeprefix(".")
        field = self._field(last, message)
        if not field:
            return self._unknown(last, message)
        kind = "list" if field.label == FieldDescriptorProto.LABEL_REPEATED else "message"
        if kind == "list" or field.type in NESTED:
            return f"{last} of {message} is a {kind}: use a field with one value"
        return ""

    def _field(self, name: str, message: str) -> FieldDescriptorProto | None:
        known = self.messages[message].field if message in self.messages else ()
        return next((field for field in known if field.name == name), None)

    def _unknown(self, name: str, message: str) -> str:
        known = ", ".join(field.name for field in self.messages[message].field) if message in self.messages else ""
        return f"{message} has no field {name!r}: use one of {known}" if known else f"{message} has no fields: use none"
