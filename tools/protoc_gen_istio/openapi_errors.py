"""How errors look in the OpenAPI document: the services' as google.rpc.Status, the gateway's own as plain text."""

from tools.protoc_gen_istio.constraints import Schema
from tools.protoc_gen_istio.schemas import ANYTHING

JSON, TEXT = "application/json", "text/plain"
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


def _response(description: str, text: str, status: Schema | None = None) -> Schema:
    """Return a response, with an example of what the gateway says and perhaps one of a service."""
    json: Schema = {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}}
    if status:
        json["example"] = status
    return {
        "description": description,
        "content": {JSON: json, TEXT: {"schema": {"type": "string"}, "example": text}},
    }


VIOLATION = {"field": "page_size", "description": "must be greater than or equal to 0"}
INVALID = {
    "code": 3,
    "message": f"{VIOLATION['field']} {VIOLATION['description']}",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "INVALID_FIELDS",
            "domain": "shop.example",
            "metadata": {},
        },
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [VIOLATION]},
    ],
}
RESPONSES: dict[str, Schema] = {
    "Invalid": _response(
        "A field breaks its rule: the details name each such field. The gateway itself refuses in plain text what it "
        "cannot convert, such as an unknown field.",
        'Could not find field "colour" in the type "shop.catalog.v1.ListProductsRequest".',
        INVALID,
    ),
    "Unauthenticated": _response(
        "The gateway (plain text) does not accept the access token, or the service does not accept the credentials.",
        "Jwt is expired",
    ),
    "Forbidden": _response(
        "The gateway (plain text) requires an access token, perhaps with a role, or the service refuses its user.",
        "RBAC: access denied",
    ),
    "TooManyCalls": _response(
        "The caller makes too many calls for the gateway (plain text) or for the service.", "local_rate_limited"
    )
    | {"headers": {"retry-after": {"description": "The seconds to wait.", "schema": {"type": "integer"}}}},
    "Error": _response("The call failed.", "upstream request timeout"),
}
