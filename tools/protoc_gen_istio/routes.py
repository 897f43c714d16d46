"""VirtualServices: timeout, retries and destination of each method, in the mesh and at the gateway.

Each kind of call has two routes. The first one delegates to the VirtualService `<service>-traffic`, which operators
create to split, mirror, delay or abort calls; it inherits timeout and retries. If that VirtualService does not exist,
istiod ignores the first route, and the second one sends the call to the service.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tools.protoc_gen_istio.contracts import Idempotency, Method
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings

RETRIES = 2
RETRY = {
    # After up to 25 ms, then up to 75 ms.
    "backoff": "25ms",
    # First at another instance of the same zone, then in another zone.
    "retryIgnorePreviousHosts": True,
    "retryRemoteLocalities": True,
    # `unavailable` is the only status from the callee. In the other three cases, Envoy itself returns UNAVAILABLE.
    "retryOn": "unavailable,connect-failure,refused-stream,reset",
}
STREAMS = "streams"
"""The subset for streams."""
TRAFFIC = "traffic"


@dataclass(frozen=True)
class Route:
    """Methods with the same kind of call and timeout."""

    name: str
    reason: str
    methods: tuple[Method, ...]

    @property
    def first(self) -> Method:
        """The first method, which stands for all of them."""
        return self.methods[0]


KINDS = {
    "streams": "NO_SIDE_EFFECTS, a stream: no timeout. It is retried until the first response.",
    "streams-once": "A stream: no timeout, no retries.",
    "reads": "NO_SIDE_EFFECTS: retried if there is no response.",
    "writes": "IDEMPOTENT: retried if there is no response. It takes effect once.",
    "once": "IDEMPOTENCY_UNKNOWN: not retried. A call without a response may have taken effect.",
}


def kind_of(method: Method) -> str:
    """Return the kind of a method's calls: a key of KINDS."""
    if method.stream:
        return "streams" if method.retryable else "streams-once"
    return {Idempotency.READ: "reads", Idempotency.IDEMPOTENT: "writes", Idempotency.UNKNOWN: "once"}[
        method.idempotency
    ]


def routes(methods: Iterable[Method]) -> list[Route]:
    """Group methods by kind and timeout. If a kind has several timeouts, the names of its routes contain them."""
    groups: dict[tuple[str, int], list[Method]] = {}
    for method in methods:
        groups.setdefault((kind_of(method), method.timeout_ms or 0), []).append(method)
    result = []
    for name, timeout in sorted(groups, key=lambda group: (list(KINDS).index(group[0]), group[1])):
        is_single = sum(other == name for other, _ in groups) == 1
        title = name if is_single else f"{name}-{duration(timeout)}"
        result.append(Route(title, KINDS[name], tuple(groups[name, timeout])))
    return result


def virtual_service(
    name: str, service: str, methods: Sequence[Method], settings: Settings, *, public: bool
) -> Manifest:
    """Return a VirtualService with a service's methods, in the mesh or at the gateway (`public`)."""
    rules = [rule for route in routes(methods) for rule in _rules(route, service, settings, public=public)]
    hosts = (
        {"gateways": OneLine([settings.gateway]), "hosts": OneLine(["*"])}
        if public
        else {"hosts": OneLine([settings.host(service)])}
    )
    head = manifest("networking.istio.io/v1", "VirtualService", name, settings.namespace)
    return {**head, "spec": {**hosts, "http": rules}}


def _rules(route: Route, service: str, settings: Settings, *, public: bool) -> Iterator[Manifest | Noted]:
    is_stream = route.first.stream
    subset = {"subset": STREAMS} if is_stream else {}
    destination = {"host": settings.host(service), **subset, "port": OneLine({"number": settings.port})}
    # Streams are not delegated: an operator's traffic split would bypass their limits.
    if is_stream:
        yield Noted(route.reason, _rule(route, route.name, {}) | {"route": [{"destination": destination}]})
        return
    delegate = OneLine({"name": f"{service}-{TRAFFIC}", "namespace": settings.namespace})
    yield Noted(route.reason, _rule(route, f"{route.name}-{TRAFFIC}", {}) | {"delegate": delegate})
    # The second route names the gateway in its matches. Without it, istiod warns that the first route duplicates them.
    gateways = {"gateways": [settings.gateway if public else "mesh"]}
    yield _rule(route, route.name, gateways) | {"route": [{"destination": destination}]}


def _rule(route: Route, name: str, further: Manifest) -> Manifest:
    timeout = route.first.timeout_ms
    return {
        "name": name,
        "match": [OneLine({"uri": {"exact": method.path}, **further}) for method in route.methods],
        **({} if timeout is None else {"timeout": duration(timeout)}),
        "retries": {"attempts": RETRIES, **RETRY} if route.first.retryable else OneLine({"attempts": 0}),
    }


def duration(milliseconds: int) -> str:
    """Write a duration as Kubernetes does: "2s", "2500ms"."""
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
