"""AuthorizationPolicies: which caller may call which method, at the service and at the gateway."""

from collections.abc import Iterator, Sequence

from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.settings import Settings

ROLES = "request.auth.claims[roles]"


def service_policy(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Yield the lines of a service's AuthorizationPolicy; none if it has no callers."""
    methods = graph.own(declared)
    files = {other.service: other.file for other in graph.declarations}
    callers: dict[str, list[Method]] = {}
    for method in methods:
        for caller in graph.callers[method.name]:
            callers.setdefault(caller, []).append(method)
    public: dict[Audience, list[Method]] = {}
    for method in methods:
        if method.public:
            public.setdefault(method.audience, []).append(method)
    if not (public or callers):
        return
    yield from _head(declared.service, settings.namespace, f"{{app: {declared.service}}}")
    for audience, group in public.items():
        yield f"    # From outside, through the gateway: AUDIENCE_{audience.name}."
        yield from _from(settings.gateway_principal)
        yield from _paths(group)
        if audience is Audience.SIGNED_IN and settings.user_header:
            yield "      when:"
            yield f"        - key: request.headers[{settings.user_header}]"
            yield '          values: ["*"]'
    for caller in sorted(callers):
        yield f"    # {files[caller]}"
        yield from _from(settings.principal(caller))
        yield from _paths(callers[caller])


def gateway_policy(methods: Sequence[Method], settings: Settings) -> Iterator[str]:
    """Yield the lines of the gateway's AuthorizationPolicy: which callers may call which public methods."""
    yield from _head("public-methods", settings.gateway_namespace, settings.gateway_selector)
    if anyone := [method for method in methods if method.audience is Audience.ANYONE]:
        yield "    # AUDIENCE_ANYONE"
        yield f"    - to:\n{_operation(anyone)}"
    signed_in: dict[tuple[str, ...], list[Method]] = {}
    for method in methods:
        if method.audience is Audience.SIGNED_IN:
            signed_in.setdefault(method.roles, []).append(method)
    for roles, group in sorted(signed_in.items()):
        yield f"    # AUDIENCE_SIGNED_IN{', with one of these roles' if roles else ''}"
        yield "    - from:"
        yield "        - source:"
        yield f'            requestPrincipals: ["{settings.issuer + "/*" if settings.issuer else "*"}"]'
        yield from _paths(group)
        if roles:
            yield "      when:"
            yield f"        - key: {ROLES}"
            yield f"          values: [{', '.join(roles)}]"


def open_path(name: str, path: str, settings: Settings) -> Iterator[str]:
    """Yield the lines of an AuthorizationPolicy that allows any caller to GET a path that is not a method."""
    yield from _head(name, settings.gateway_namespace, settings.gateway_selector)
    yield "    - to:"
    yield "        - operation:"
    yield "            methods: [GET]"
    yield f"            paths: [{path}]"


def _head(name: str, namespace: str, selector: str) -> Iterator[str]:
    yield "apiVersion: security.istio.io/v1"
    yield "kind: AuthorizationPolicy"
    yield "metadata:"
    yield f"  name: {name}"
    yield f"  namespace: {namespace}"
    yield "spec:"
    yield "  selector:"
    yield f"    matchLabels: {selector}"
    yield "  rules:"


def _from(principal: str) -> Iterator[str]:
    yield "    - from:"
    yield "        - source:"
    yield f"            principals: [{principal}]"


def _paths(methods: Sequence[Method]) -> Iterator[str]:
    yield "      to:"
    yield _operation(methods)


def _operation(methods: Sequence[Method]) -> str:
    lines = ["        - operation:", "            paths:", *(f"              - {method.path}" for method in methods)]
    return "\n".join(lines)
