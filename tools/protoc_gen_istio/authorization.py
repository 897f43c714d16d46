"""AuthorizationPolicies: which caller may call which method, at the service and at the gateway."""

from collections.abc import Iterator, Sequence
from typing import Any

from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings

ROLES = "request.auth.claims[roles]"
Rule = dict[str, Any] | Noted


def service_policy(graph: Graph, declared: Declaration, settings: Settings) -> Manifest | None:
    """Return a service's AuthorizationPolicy; None if it has no callers."""
    methods = graph.own(declared)
    rules = [
        *_from_outside([method for method in methods if method.public], settings),
        *_from_inside(graph, methods, settings),
    ]
    return _policy(declared.service, settings.namespace, {"app": declared.service}, rules) if rules else None


def gateway_policy(methods: Sequence[Method], settings: Settings) -> Manifest:
    """Return the gateway's AuthorizationPolicy: which callers may call which public methods."""
    rules: list[Rule] = []
    if anyone := [method for method in methods if method.audience is Audience.ANYONE]:
        rules.append(Noted("AUDIENCE_ANYONE", {"to": _paths(anyone)}))
    signed_in: dict[tuple[str, ...], list[Method]] = {}
    for method in methods:
        if method.audience is Audience.SIGNED_IN:
            signed_in.setdefault(method.roles, []).append(method)
    principal = f"{settings.issuer}/*" if settings.issuer else "*"
    for roles, group in sorted(signed_in.items()):
        rule: dict[str, Any] = {
            "from": [{"source": {"requestPrincipals": OneLine([principal])}}],
            "to": _paths(group),
        }
        if roles:
            rule["when"] = [{"key": ROLES, "values": OneLine([*roles])}]
        rules.append(Noted(f"AUDIENCE_SIGNED_IN{', with one of these roles' if roles else ''}", rule))
    return _policy("public-methods", settings.gateway_namespace, settings.gateway_selector, rules)


def open_path(name: str, path: str, settings: Settings) -> Manifest:
    """Return an AuthorizationPolicy that allows any caller to GET a path that is not a method."""
    rule = {"to": [{"operation": {"methods": OneLine(["GET"]), "paths": OneLine([path])}}]}
    return _policy(name, settings.gateway_namespace, settings.gateway_selector, [rule])


def _from_outside(methods: Sequence[Method], settings: Settings) -> Iterator[Rule]:
    for audience in dict.fromkeys(method.audience for method in methods):
        group = [method for method in methods if method.audience is audience]
        rule = {"from": _source(settings.gateway_principal), "to": _paths(group)}
        if audience is Audience.SIGNED_IN and settings.user_header:
            rule["when"] = [{"key": f"request.headers[{settings.user_header}]", "values": OneLine(["*"])}]
        yield Noted(f"From outside, through the gateway: AUDIENCE_{audience.name}.", rule)


def _from_inside(graph: Graph, methods: Sequence[Method], settings: Settings) -> Iterator[Rule]:
    files = {other.service: other.file for other in graph.declarations}
    callers: dict[str, list[Method]] = {}
    for method in methods:
        for caller in graph.callers[method.name]:
            callers.setdefault(caller, []).append(method)
    for caller, group in sorted(callers.items()):
        yield Noted(files[caller], {"from": _source(settings.principal(caller)), "to": _paths(group)})


def _policy(name: str, namespace: str, selector: dict[str, str], rules: Sequence[Rule]) -> Manifest:
    policy = manifest("security.istio.io/v1", "AuthorizationPolicy", name, namespace)
    return {**policy, "spec": {"selector": {"matchLabels": OneLine({**selector})}, "rules": [*rules]}}


def _source(principal: str) -> list[Any]:
    return [{"source": {"principals": OneLine([principal])}}]


def _paths(methods: Sequence[Method]) -> list[Any]:
    return [{"operation": {"paths": [method.path for method in methods]}}]
