"""The public methods as JSON over HTTP, told in OpenAPI, and what has the gateway answer with it.

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
        "message": {"type": "string", "description": "What is wrong, for a person."},
        "details": {
            "type": "array",
            "items": ANYTHING["google.protobuf.Any"],
            "description": "The same for a program: a google.rpc.ErrorInfo with the reason, and what belongs to it.",
        },
    },
}
ERROR: Schema = {
    "description": "The call failed. What the gateway refuses without asking a service, it tells in plain text.",
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}},
        "text/plain": {"schema": {"type": "string"}},
    },
}


def document(methods: Sequence[Method], files: Sequence[FileDescriptorProto], settings: Settings) -> str:
    """Write the document for methods that have a path over HTTP."""
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
    told = {
        "openapi": "3.1.1",
        "info": {
            "title": settings.namespace,
            "version": ", ".join(versions),
            "description": "Every public method that has a path over HTTP, as protoc-gen-istio reads the contracts.",
        },
        "tags": [{"name": name, "description": elements.comments.get(name, "")} for name in services],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**schemas.components, "google.rpc.Status": STATUS}.items())),
            "responses": {"Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _operation(method: Method, binding: Binding, elements: Elements, schemas: Schemas) -> Schema:
    descriptor, comments = elements.methods[method.name], elements.comments
    request, answer = descriptor.input_type.removeprefix("."), descriptor.output_type.removeprefix(".")
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
    schema = schemas.at(answer, binding.response_body) if binding.response_body else schemas.reference(answer)
    if method.responses_stream:
        schema = {"type": "array", "items": schema, "description": "It grows for as long as the call lasts."}
    operation["responses"] = {
        "200": {"description": comments.get(answer, "The call succeeded."), "content": {JSON: {"schema": schema}}},
        "default": {"$ref": "#/components/responses/Error"},
    }
    if method.audience is Audience.SIGNED_IN:
        # One of these will do.
        operation["security"] = [{"token": [role]} for role in method.roles] or [{"token": []}]
    return operation


def _parameters(request: str, binding: Binding, schemas: Schemas) -> Iterator[Schema]:
    for variable in binding.variables:
        field = schemas.at(request, variable.field)
        told = field.get("description", "")
        if variable.pattern != f"{{{variable.name}}}":
            told = f"The part {{{variable.name}}} of {variable.pattern}. {told}".strip()
        yield _parameter(variable.name, "path", {"type": "string", "description": told}, required=True)
    if binding.body != "*":
        bound = {variable.field for variable in binding.variables} | ({binding.body} - {""})
        for name, schema, required in schemas.query(request, bound):
            yield _parameter(name, "query", schema, required=required)


def _parameter(name: str, place: str, schema: Schema, *, required: bool) -> Schema:
    told = schema.pop("description", "")
    return {"name": name, "in": place, "required": required, "description": told, "schema": schema}


def _body(request: str, binding: Binding, schemas: Schemas) -> Schema:
    if binding.body != "*":
        return schemas.at(request, binding.body)
    bound = {variable.field for variable in binding.variables}
    return schemas.message(request, without=bound) if bound else schemas.reference(request)


def served(text: str, settings: Settings) -> Iterator[str]:
    """Write the route that answers with the document; istiod takes up to 1 MiB, and from 100 KiB on it warns."""
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: VirtualService"
    yield "metadata:"
    yield "  name: openapi"
    yield f"  namespace: {settings.namespace}"
    yield "spec:"
    yield f"  gateways: [{settings.gateway}]"
    yield '  hosts: ["*"]'
    yield "  http:"
    yield "    - name: openapi"
    yield "      match:"
    yield f"        - {{uri: {{exact: {PATH}}}, method: {{exact: GET}}}}"
    yield "      # Envoy's own filter for pages of other origins leaves such an answer out; any page may read this one."
    yield f"      headers: {{response: {{set: {{content-type: {JSON}, access-control-allow-origin: '*'}}}}}}"
    yield "      directResponse:"
    yield "        status: 200"
    yield "        body:"
    yield "          string: |"
    yield from (f"            {line}" for line in text.splitlines())
