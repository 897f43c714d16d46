"""The OpenAPI document of the public methods with HTTP paths.

https://spec.openapis.org/oas/v3.1.1
"""

import json
from collections.abc import Iterator, Sequence

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tools.protoc_gen_istio.bindings import Binding, bindings
from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.schemas import ANYTHING, Schema, Schemas
from tools.protoc_gen_istio.settings import Settings

FILE = "openapi.json"
PATH = f"/{FILE}"
JSON = "application/json"
STATUS: Schema = {
    "type": "object",
    "description": "Why a call failed.",
    "properties": {
        "code": {"type": "integer", "format": "int32", "description": "The number of the gRPC status."},
        "message": {"type": "string", "description": "A human-readable error message."},
        "details": {
            "type": "array",
            "items": ANYTHING["google.protobuf.Any"],
            "description": "Machine-readable details: a google.rpc.ErrorInfo with the reason, and further messages.",
        },
    },
}
ERROR: Schema = {
    "description": "The call failed. Errors of the gateway itself are in plain text.",
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}},
        "text/plain": {"schema": {"type": "string"}},
    },
}


def document(methods: Sequence[Method], files: Sequence[FileDescriptorProto], settings: Settings) -> str:
    """Return the OpenAPI document of methods that have an HTTP path."""
    elements = Elements.of(files)
    schemas = Schemas(elements)
    paths: dict[str, Schema] = {}
    for method in methods:
        for number, binding in enumerate(bindings(elements.methods[method.name].options, elements.resources), start=1):
            operation = _operation(method, binding, elements, schemas)
            if number > 1:
                operation["operationId"] += f".{number}"
            paths.setdefault(binding.path, {})[binding.verb] = operation
    services = sorted({method.service for method in methods})
    versions = sorted({service.rpartition(".")[0].rpartition(".")[2] for service in services})
    openapi = {
        "openapi": "3.1.1",
        "info": {
            "title": settings.namespace,
            "version": ", ".join(versions),
            "description": "All public methods with an HTTP path. Generated from the contracts by protoc-gen-istio.",
        },
        "tags": [{"name": name, "description": elements.comments.get(name, "")} for name in services],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**schemas.components, "google.rpc.Status": STATUS}.items())),
            "responses": {"Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return json.dumps(openapi, indent=1, ensure_ascii=False) + "\n"


def _operation(method: Method, binding: Binding, elements: Elements, schemas: Schemas) -> Schema:
    descriptor, comments = elements.methods[method.name], elements.comments
    request, response = descriptor.input_type.removeprefix("."), descriptor.output_type.removeprefix(".")
    operation: Schema = {"operationId": method.name.replace("/", "."), "tags": [method.service]}
    if method.name in comments:
        operation["description"] = comments[method.name]
    if descriptor.options.deprecated:
        operation["deprecated"] = True
    if parameters := list(_parameters(request, binding, schemas)):
        operation["parameters"] = parameters
    if binding.body:
        body = _body(request, binding, schemas)
        schema = {"type": "array", "items": body} if method.requests_stream else body
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    schema = schemas.at(response, binding.response_body) if binding.response_body else schemas.reference(response)
    if method.responses_stream:
        schema = {
            "type": "array",
            "items": schema,
            "description": "A stream: the array grows while the call lasts.",
        }
    operation["responses"] = {
        "200": {"description": comments.get(response, "The call succeeded."), "content": {JSON: {"schema": schema}}},
        "default": {"$ref": "#/components/responses/Error"},
    }
    if method.audience is Audience.SIGNED_IN:
        # OpenAPI requires only one of the entries.
        operation["security"] = [{"token": [role]} for role in method.roles] or [{"token": []}]
    return operation


def _parameters(request: str, binding: Binding, schemas: Schemas) -> Iterator[Schema]:
    for variable in binding.variables:
        field = schemas.at(request, variable.field)
        description = field.get("description", "")
        if variable.pattern != f"{{{variable.name}}}":
            description = f"The part {{{variable.name}}} of {variable.pattern}. {description}".strip()
        yield _parameter(variable.name, "path", {"type": "string", "description": description}, required=True)
    if binding.body != "*":
        bound = {variable.field for variable in binding.variables} | ({binding.body} - {""})
        for name, schema, required in schemas.query(request, bound):
            yield _parameter(name, "query", schema, required=required)


def _parameter(name: str, location: str, schema: Schema, *, required: bool) -> Schema:
    description = schema.pop("description", "")
    return {"name": name, "in": location, "required": required, "description": description, "schema": schema}


def _body(request: str, binding: Binding, schemas: Schemas) -> Schema:
    if binding.body != "*":
        return schemas.at(request, binding.body)
    bound = {variable.field for variable in binding.variables}
    return schemas.message(request, without=bound) if bound else schemas.reference(request)
