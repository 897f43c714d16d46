"""The OpenAPI document of the public methods with HTTP paths.

https://spec.openapis.org/oas/v3.1.1
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tools.protoc_gen_istio.bindings import Binding, bindings
from tools.protoc_gen_istio.constraints import Schema, of_part
from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.openapi_errors import JSON, RESPONSES, STATUS
from tools.protoc_gen_istio.rules import Rules
from tools.protoc_gen_istio.schemas import Schemas, camel
from tools.protoc_gen_istio.settings import ParameterError, Settings

FILE = "openapi.json"
PATH = f"/{FILE}"
MAX_LINE_LENGTH = 120
SENTENCE = re.compile(r"(.+?\.)(?:\s+|$)")


def document(methods: Sequence[Method], files: Sequence[FileDescriptorProto], settings: Settings) -> str:
    """Return the OpenAPI document of methods that have an HTTP path."""
    elements = Elements.of(files)
    schemas = Schemas(elements, Rules(files))
    examples = _examples(settings)
    paths: dict[str, Schema] = {}
    for method in methods:
        for number, binding in enumerate(bindings(elements.methods[method.name].options, elements.resources), start=1):
            operation = _operation(method, binding, elements, schemas, examples.get(method.name, {}))
            if number > 1:
                operation["operationId"] += f".{number}"
            paths.setdefault(binding.path, {})[binding.verb] = operation
    services = sorted({method.service for method in methods})
    versions = sorted({service.rpartition(".")[0].rpartition(".")[2] for service in services})
    text = _json({"paths": paths})
    responses = {name: each for name, each in RESPONSES.items() if f'"#/components/responses/{name}"' in text}
    openapi = {
        "openapi": "3.1.1",
        "info": {
            "title": settings.namespace,
            "version": ", ".join(versions),
            "description": "All public methods with an HTTP path. Generated from the contracts by protoc-gen-istio.",
        }
        | ({"license": {"name": settings.license, "identifier": settings.license}} if settings.license else {}),
        "servers": list(_servers(settings)),
        "security": [{"token": []}],
        "tags": [{"name": name, "description": elements.comments.get(name, "")} for name in services],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**schemas.components, "google.rpc.Status": STATUS}.items())),
            "responses": responses,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return _json(openapi) + "\n"


def _json(value: Any, depth: int = 0, before: int = 0) -> str:  # noqa: ANN401  # JSON
    """Return JSON in which what fits on a line is on one: istiod warns about a route that holds more than 100 KiB."""
    short = json.dumps(value, ensure_ascii=False)
    if depth + before + len(short) < MAX_LINE_LENGTH or not isinstance(value, dict | list) or not value:
        return short
    start, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict):
        keys = {key: f"{json.dumps(key)}: " for key in value}
        parts = [f"{keys[key]}{_json(each, depth + 1, len(keys[key]))}" for key, each in value.items()]
        return "{" + start + f",{start}".join(parts) + end + "}"
    return "[" + start + f",{start}".join(_json(each, depth + 1) for each in value) + end + "]"


def _servers(settings: Settings) -> Iterator[Schema]:
    if settings.server:
        yield {"url": settings.server, "description": "The local mesh."}
    host = {"default": f"{settings.namespace}.example", "description": "The host name of the gateway."}
    yield {"url": "https://{host}", "description": "A deployment.", "variables": {"host": host}}


def _examples(settings: Settings) -> Mapping[str, Schema]:
    """Return a request for each method, as JSON. Raises ParameterError."""
    if not settings.examples:
        return {}
    try:
        found = yaml.safe_load(Path(settings.examples).read_text(encoding="utf-8"))
        json.dumps(found)  # a time without quotes is no JSON
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ParameterError(f"examples={settings.examples}: expected a YAML file with requests: {reason}") from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ParameterError(f"examples={settings.examples}: expected a request for each method's name")
    return found


def _operation(method: Method, binding: Binding, elements: Elements, schemas: Schemas, example: Schema) -> Schema:
    descriptor, comments = elements.methods[method.name], elements.comments
    request, response = descriptor.input_type.removeprefix("."), descriptor.output_type.removeprefix(".")
    operation: Schema = {"operationId": method.name.replace("/", "."), "tags": [method.service]}
    if found := SENTENCE.match(comments.get(method.name, "")):
        operation["summary"] = found[1]
        operation["description"] = comments[method.name][found.end() :].strip() or found[1]
    if descriptor.options.deprecated:
        operation["deprecated"] = True
    if parameters := list(_parameters(request, binding, schemas, example)):
        operation["parameters"] = parameters
    if binding.body:
        body = _body(request, binding, schemas)
        schema = {"type": "array", "items": body} if method.requests_stream else body
        content = {"schema": schema} | ({"example": _body_example(binding, example)} if example else {})
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    schema = schemas.at(response, binding.response_body) if binding.response_body else schemas.reference(response)
    if method.responses_stream:
        schema = {
            "type": "array",
            "items": schema,
            "description": "A stream: the array grows while the call lasts.",
        }
    signed_in = method.audience is Audience.SIGNED_IN
    errors = {"400": "Invalid", "401": "Unauthenticated", "403": "Forbidden", "429": "TooManyCalls", "default": "Error"}
    operation["responses"] = {
        "200": {"description": comments.get(response, "The call succeeded."), "content": {JSON: {"schema": schema}}},
        **{
            status: {"$ref": f"#/components/responses/{name}"}
            for status, name in errors.items()
            if signed_in or status != "403"
        },
    }
    # OpenAPI requires only one of the entries.
    operation["security"] = ([{"token": [role]} for role in method.roles] or [{"token": []}]) if signed_in else []
    return operation


def _parameters(request: str, binding: Binding, schemas: Schemas, example: Schema) -> Iterator[Schema]:
    for variable in binding.variables:
        field = schemas.at(request, variable.field)
        description = field.get("description", "")
        schema: Schema = {"type": "string"}
        before, _, after = variable.pattern.partition(f"{{{variable.name}}}")
        if before or after:
            description = f"The part {{{variable.name}}} of {variable.pattern}. {description}".strip()
        if not after:
            schema |= of_part(field, before)
        value = str(_at(example, variable.field) or "").removeprefix(before).removesuffix(after)
        yield _parameter(variable.name, "path", {**schema, "description": description}, value or None, required=True)
    if binding.body != "*":
        bound = {variable.field for variable in binding.variables} | ({binding.body} - {""})
        for name, schema, required in schemas.query(request, bound):
            yield _parameter(name, "query", schema, _at(example, name), required=required)


def _parameter(name: str, location: str, schema: Schema, example: Any, *, required: bool) -> Schema:  # noqa: ANN401  # JSON
    description = schema.pop("description", "")
    parameter = {"name": name, "in": location, "required": required, "description": description, "schema": schema}
    return parameter if example is None else parameter | {"example": example}


def _body(request: str, binding: Binding, schemas: Schemas) -> Schema:
    bound = {variable.field for variable in binding.variables}
    if binding.body != "*":
        schema = schemas.at(request, binding.body)
        given = {camel(path.removeprefix(f"{binding.body}.")) for path in bound}
        required = [each for each in schema.pop("required", []) if each not in given]
        return schema | ({"required": required} if required else {})
    return schemas.message(request, without=bound) if bound else schemas.reference(request)


def _body_example(binding: Binding, example: Schema) -> Any:  # noqa: ANN401  # JSON
    bound = {variable.field for variable in binding.variables}
    if binding.body != "*":
        part = _at(example, binding.body)
        if not isinstance(part, dict):
            return part
        example = part
        bound = {path.removeprefix(f"{binding.body}.") for path in bound}
    return {name: value for name, value in example.items() if name not in bound}


def _at(example: Any, path: str) -> Any:  # noqa: ANN401  # JSON
    """Return the value of a field, by the path of its JSON names or of its names in the contract."""
    for name in path.split("."):
        example = example.get(camel(name)) if isinstance(example, dict) else None
    return example
