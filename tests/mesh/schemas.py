"""JSON schemas for kubeconform: of the API server's own OpenAPI document, and of CustomResourceDefinitions."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LOCATION = "{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json"
"""The name of a schema file as kubeconform looks for it."""
PREFIX = "#/definitions/"
INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
NUMBER_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "number"}]}

Schema = dict[str, Any]


def write_api_schemas(document: Schema, kinds: set[str], folder: Path) -> None:
    """Write a schema for each of the kinds in an OpenAPI document of an API server (/openapi/v2)."""
    definitions = document["definitions"] | {QUANTITY: NUMBER_OR_STRING}
    for name, schema in document["definitions"].items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            if kind["kind"] in kinds:
                used: Schema = {}
                _collect(name, definitions, used)
                content = {"$ref": f"{PREFIX}{name}", "definitions": used}
                _write(folder, kind["kind"], kind["group"], kind["version"], content)


def _collect(name: str, definitions: Schema, used: Schema) -> None:
    """Add a definition to `used`, with all that it refers to."""
    if name not in used:
        used[name] = _strict(definitions[name])
        for other in re.findall(rf'"{PREFIX}([^"]+)"', json.dumps(used[name])):
            _collect(other, definitions, used)


def write_crd_schemas(manifests: Iterable[Schema], folder: Path) -> set[str]:
    """Write a schema for each version of each CustomResourceDefinition, and return the kinds."""
    kinds = set()
    for manifest in manifests:
        spec = manifest["spec"]
        kinds.add(spec["names"]["kind"])
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
            _write(folder, spec["names"]["kind"], spec["group"], version["name"], schema)
    return kinds


def _write(folder: Path, kind: str, group: str, version: str, schema: Schema) -> None:
    # kubeconform takes the version for the group of the core API.
    (folder / f"{kind}-{group or version}-{version}.json".lower()).write_text(json.dumps(schema))


def _strict(schema: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Return a schema that refuses unknown fields, as the API server does."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    result = {key: _strict(value) for key, value in schema.items() if key not in {"description", "default"}}
    has_fields = isinstance(schema.get("properties"), dict) and schema.get("type", "object") == "object"
    if has_fields and "additionalProperties" not in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
        result["additionalProperties"] = False
    return result
