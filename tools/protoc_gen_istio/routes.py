"""VirtualServices: what happens to the calls of each method, in the mesh and at the gateway.

Each kind of call has two rows. The first hands it to the VirtualService `<service>-traffic`, which is an operator's: it
takes this row's timeout and retries, and may split, mirror, delay or abort. istiod passes the row over as long as there
is no such VirtualService; then the second sends the call to the service.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tools.protoc_gen_istio.contracts import Level, Method
from tools.protoc_gen_istio.settings import Settings

RETRIES = 2
# `unavailable` alone is a status that the callee sent; by the other three Envoy answers UNAVAILABLE in its place.
RETRY_ON = "unavailable,connect-failure,refused-stream,reset"
STREAMS = "streams"
"""The subset that streams go to."""
TRAFFIC = "traffic"


@dataclass(frozen=True)
class Row:
    """Methods that are called alike."""

    name: str
    reason: str
    methods: tuple[Method, ...]

    @property
    def first(self) -> Method:
        """Any of them."""
        return self.methods[0]


KINDS = {
    "streams": "NO_SIDE_EFFECTS, a stream: as long as its caller likes; opened again as long as nothing was answered.",
    "streams-once": "A stream: as long as its caller likes, and opened once.",
    "reads": "NO_SIDE_EFFECTS: sent again when it gets no answer.",
    "writes": "IDEMPOTENT: sent again when it gets no answer; its effect is there once.",
    "once": "IDEMPOTENCY_UNKNOWN: sent once. What got no answer may have happened.",
}


def kind(method: Method) -> str:
    """Answer how a method is called: a key of KINDS."""
    if method.stream:
        return "streams" if method.repeatable else "streams-once"
    return {Level.READ: "reads", Level.IDEMPOTENT: "writes", Level.UNKNOWN: "once"}[method.level]


def rows(methods: Iterable[Method]) -> list[Row]:
    """Group methods that are called alike; those whose timeout is not their kind's shortest get a name with it."""
    groups: dict[tuple[str, int], list[Method]] = {}
    for method in methods:
        groups.setdefault((kind(method), method.timeout_ms or 0), []).append(method)
    found = []
    for name, timeout in sorted(groups, key=lambda group: (list(KINDS).index(group[0]), group[1])):
        alone = sum(other == name for other, _ in groups) == 1
        found.append(Row(name if alone else f"{name}-{duration(timeout)}", KINDS[name], tuple(groups[name, timeout])))
    return found


def virtual_service(
    name: str, service: str, methods: Sequence[Method], settings: Settings, *, public: bool
) -> Iterator[str]:
    """Write the routes of a service's methods: those within the mesh, or those at the gateway."""
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: VirtualService"
    yield "metadata:"
    yield f"  name: {name}"
    yield f"  namespace: {settings.namespace}"
    yield "spec:"
    if public:
        yield f"  gateways: [{settings.gateway}]"
        yield '  hosts: ["*"]'
    else:
        yield f"  hosts: [{settings.host(service)}]"
    yield "  http:"
    # Named in the second row's matches, which istiod would else take for those of the first, and warn of.
    gateway = f"gateways: [{settings.gateway if public else 'mesh'}]"
    for row in rows(methods):
        yield f"    # {row.reason}"
        # An operator's split would send streams past the limits that are theirs.
        if not row.first.stream:
            yield from _rule(row, f"{row.name}-{TRAFFIC}", "")
            yield f"      delegate: {{name: {service}-{TRAFFIC}, namespace: {settings.namespace}}}"
        yield from _rule(row, row.name, "" if row.first.stream else f", {gateway}")
        yield "      route:"
        yield "        - destination:"
        yield f"            host: {settings.host(service)}"
        if row.first.stream:
            yield f"            subset: {STREAMS}"
        yield f"            port: {{number: {settings.port}}}"


def _rule(row: Row, name: str, further: str) -> Iterator[str]:
    yield f"    - name: {name}"
    yield "      match:"
    yield from (f"        - {{uri: {{exact: {method.path}}}{further}}}" for method in row.methods)
    if row.first.timeout_ms is not None:
        yield f"      timeout: {duration(row.first.timeout_ms)}"
    if row.first.repeatable:
        yield f"      retries: {{attempts: {RETRIES}, retryOn: '{RETRY_ON}'}}"
    else:
        yield "      retries: {attempts: 0}"


def duration(milliseconds: int) -> str:
    """Write a duration as Kubernetes does: "2s", "2500ms"."""
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
