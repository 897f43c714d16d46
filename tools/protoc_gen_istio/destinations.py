"""DestinationRules and Sidecars: how much may be asked of a service at once, what is left alone, who may call out."""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Contract, Tier
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.routes import STREAMS
from tools.protoc_gen_istio.settings import Settings

MOST_STREAMS = 1024
MOST_CONNECTIONS = 100

POLICY = """\
  trafficPolicy:
    # All figures are per calling proxy: Envoys do not share their counts.
    connectionPool:
      tcp:
        # Within one network a connection with its TLS handshake takes milliseconds. What takes a second does not come.
        connectTimeout: 1s
        # HTTP/2 carries all calls to an instance on one connection per worker thread of Envoy. So many are never
        # reached in good health; the limit stops a proxy that opens connections in a loop.
        maxConnections: {connections}
      http:
        # Tier {tier}: calls in flight. What comes on top is refused at once with UNAVAILABLE, in the caller's own
        # proxy, instead of waiting until everything times out.
        http2MaxRequests: {calls}
    # Retries in flight: a fifth of the calls, or 3 if that is more. When everything fails, retries add 20 %, not 200 %.
    retryBudget:
      percent: 20
      minRetryConcurrency: 3
    outlierDetection:
      # UNAVAILABLE and DEADLINE_EXCEEDED in a row: this instance does not answer. Five are no chance: even if every
      # third call fails, five in a row are one case in 240.
      consecutiveGatewayErrors: 5
      # UNKNOWN, INTERNAL and DATA_LOSS count here too. They may lie in the request as well as in the instance, so it
      # takes more of them.
      consecutive5xxErrors: 10
      # How often it is looked at whether an ejected instance may come back.
      interval: 5s
      # Times the number of ejections so far. Longer than a process takes to restart, short enough not to miss it.
      baseEjectionTime: 15s
      # At most half of the instances, and so never the only one: a bad answer may still be followed by a good one.
      maxEjectionPercent: 50"""

SUBSETS = """\
  subsets:
    # The same Pods, with limits of their own: streams, which last, take no place from calls.
    - name: {name}
      labels: {{app: {service}}}
      trafficPolicy:
        # It stands in place of the pool above, whose first part it repeats.
        connectionPool:
          tcp: {{connectTimeout: 1s, maxConnections: {connections}}}
          # A stream that waits costs a few KiB and no work.
          http: {{http2MaxRequests: {streams}}}"""


def tier(contracts: list[Contract]) -> Tier:
    """Answer the highest tier of what a service serves."""
    return max((contract.tier for contract in contracts), key=lambda found: found.value)


def destination_rule(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Write the limits of a service."""
    found = tier(graph.served(declared))
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: DestinationRule"
    yield "metadata:"
    yield f"  name: {declared.service}"
    yield f"  namespace: {settings.namespace}"
    yield "spec:"
    yield f"  host: {settings.host(declared.service)}"
    yield POLICY.format(connections=MOST_CONNECTIONS, tier=found.name, calls=found.value)
    if _streams(graph, declared):
        yield SUBSETS.format(name=STREAMS, service=declared.service, connections=MOST_CONNECTIONS, streams=MOST_STREAMS)


def sidecar(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Write whom a service may call, and how much its app takes at once; nothing if the namespace's default does."""
    callees = graph.callees(declared)
    streams = _streams(graph, declared)
    if not (callees or streams):
        return
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: Sidecar"
    yield "metadata:"
    yield f"  name: {declared.service}"
    yield f"  namespace: {settings.namespace}"
    yield "spec:"
    yield "  workloadSelector:"
    yield f"    labels: {{app: {declared.service}}}"
    if streams:
        yield "  # What the app itself takes at once: calls, as many as a caller may have in flight, and streams. Else"
        yield "  # the callers' limit would count here too, for both together."
        yield "  inboundConnectionPool:"
        yield f"    tcp: {{maxConnections: {MOST_CONNECTIONS}}}"
        yield f"    http: {{http2MaxRequests: {tier(graph.served(declared)).value + MOST_STREAMS}}}"
    yield "  egress:"
    yield "    - hosts:"
    if callees:
        yield f"        # {declared.file}"
    yield from (f"        - ./{settings.host(callee)}" for callee in callees)
    if not callees:
        yield '        - "~/*"'


def _streams(graph: Graph, declared: Declaration) -> bool:
    return any(method.stream for method in graph.own(declared))
