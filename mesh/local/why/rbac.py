"""Envoy's RBAC: which rules of a filter match a call (envoy.config.rbac.v3)."""

from collections.abc import Callable, Mapping

from mesh.local.why.matchers import (
    Json,
    match_address,
    match_header,
    match_metadata,
    match_string,
    match_template,
    unsupported,
)
from mesh.local.why.request import Request, known_address

Condition = Callable[[Json, Request], bool]


def matching_rules(rules: Json, request: Request) -> list[str]:
    """Return the names of all rules that match, in the order in which Envoy looks at them."""
    return sorted(name for name, rule in rules.get("policies", {}).items() if _match_rule(rule, request))


def _match_rule(rule: Json, request: Request) -> bool:
    if "condition" in rule or "checked_condition" in rule:
        raise unsupported("an RBAC rule", "a CEL expression")
    permitted = any(_match(PERMISSIONS, each, request) for each in rule["permissions"])
    return permitted and any(_match(PRINCIPALS, each, request) for each in rule["principals"])


def _match(conditions: Mapping[str, Condition], each: Json, request: Request) -> bool:
    [(kind, value)] = each.items()
    if kind not in conditions:
        raise unsupported("an RBAC rule", kind)
    return conditions[kind](value, request)


def _authenticated(value: Json, request: Request) -> bool:
    """Match the certificate of the caller. A call without mutual TLS has none."""
    return bool(request.principal) and (
        "principal_name" not in value or match_string(value["principal_name"], request.principal)
    )


COMMON: Mapping[str, Condition] = {
    "any": lambda value, _: bool(value),
    "header": lambda value, request: match_header(value, request.headers),
    "url_path": lambda value, request: match_string(value["path"], request.path.partition("?")[0]),
    "metadata": lambda value, request: match_metadata(value, request.metadata),
    "sourced_metadata": lambda value, request: match_metadata(value["metadata_matcher"], request.metadata),
}
PERMISSIONS: Mapping[str, Condition] = {
    **COMMON,
    "and_rules": lambda value, request: all(_match(PERMISSIONS, each, request) for each in value["rules"]),
    "or_rules": lambda value, request: any(_match(PERMISSIONS, each, request) for each in value["rules"]),
    "not_rule": lambda value, request: not _match(PERMISSIONS, value, request),
    "uri_template": lambda value, request: match_template(value["typed_config"]["path_template"], request.path),
    "destination_ip": lambda value, request: match_address(value, request.destination),
    "destination_port": lambda value, request: value == request.port,
    "requested_server_name": lambda value, request: match_string(value, request.server_name),
}
"""Kind → condition on the operation: Istio's `to`, and a part of `when`."""
PRINCIPALS: Mapping[str, Condition] = {
    **COMMON,
    "and_ids": lambda value, request: all(_match(PRINCIPALS, each, request) for each in value["ids"]),
    "or_ids": lambda value, request: any(_match(PRINCIPALS, each, request) for each in value["ids"]),
    "not_id": lambda value, request: not _match(PRINCIPALS, value, request),
    "authenticated": _authenticated,
    "filter_state": lambda value, request: (
        bool(request.principal) and match_string(value["string_match"], request.principal)
    ),
    "direct_remote_ip": lambda value, request: match_address(value, known_address(request.address)),
    "remote_ip": lambda value, request: match_address(value, known_address(request.remote_address)),
}
"""Kind → condition on the caller: Istio's `from`, and the rest of `when`."""
