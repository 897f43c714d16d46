"""DestinationRules and Sidecars: limits, ejection of failing instances, and which services a workload may call."""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Contract, Tier
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.routes import STREAMS
from tools.protoc_gen_istio.settings import Settings

MAX_STREAMS = 1024
MAX_CONNECTIONS = 100

POLICY = """\
  trafficPolicy:
    # Only workloads with a sidecar are called, never in plaintext.
    tls: {{mode: ISTIO_MUTUAL}}
    # The instance with fewer calls in flight, of two at random. Instances in the zone of the caller, then in its
    # region, are preferred while they are healthy. Istio does this only with outlierDetection.
    loadBalancer:
      simple: LEAST_REQUEST
      localityLbSetting: {{enabled: true}}
    # All limits here are per calling proxy and for all instances together: Envoys do not share their counts.
    connectionPool:
      tcp:
        # In one network, a connection with its TLS handshake takes milliseconds. After one second it has failed.
        connectTimeout: 1s
        # HTTP/2 sends all calls to an instance over one connection per worker thread of Envoy. A healthy proxy never
        # reaches this limit; it stops a proxy that opens connections in a loop.
        maxConnections: {connections}
      http:
        # Tier {tier}: calls in flight, as many as one instance accepts (the Sidecar of this service). The
        # caller's proxy rejects further calls at once with UNAVAILABLE, so that they do not queue until everything
        # times out.
        http2MaxRequests: {calls}
    # Retries in flight: 20 % of the calls, or 3 if that is more. If every call fails, retries add 20 %, not 200 %.
    retryBudget:
      percent: 20
      minRetryConcurrency: 3
    outlierDetection:
      # Consecutive UNAVAILABLE and DEADLINE_EXCEEDED: the instance does not respond. Five are no coincidence: even if
      # every third call fails, five in a row happen once in 240 times.
      consecutiveGatewayErrors: 5
      # UNKNOWN, INTERNAL and DATA_LOSS count here too. The request may cause them as well as the instance, so the
      # limit is higher.
      consecutive5xxErrors: 10
      # How often Envoy checks whether an ejected instance may return.
      interval: 5s
      # Multiplied by the number of ejections so far. Longer than the restart of a process, short enough that the
      # instance is back in use soon after.
      baseEjectionTime: 15s
      # At most half of the instances, so the only instance is never ejected: its next response may be good.
      maxEjectionPercent: 50
      # No panic mode: if few instances are healthy, the others still get no calls.
      minHealthPercent: 0"""

SUBSETS = """\
  subsets:
    # The same Pods with separate limits, so that long-lived streams do not use up the limit of the calls.
    - name: {name}
      labels: {{app: {service}}}
      trafficPolicy:
        # It replaces the pool above, so it repeats the TCP settings. The other settings above apply here too.
        connectionPool:
          tcp: {{connectTimeout: 1s, maxConnections: {connections}}}
          # Per calling proxy, like the limit above. A waiting stream costs a few KiB and no CPU.
          http: {{http2MaxRequests: {streams}}}"""


def tier(contracts: list[Contract]) -> Tier:
    """Return the highest tier of the contracts."""
    return max((contract.tier for contract in contracts), key=lambda tier: tier.value)


def destination_rule(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Yield the lines of a service's DestinationRule: its limits."""
    highest = tier(graph.served(declared))
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: DestinationRule"
    yield "metadata:"
    yield f"  name: {declared.service}"
    yield f"  namespace: {settings.namespace}"
    yield "spec:"
    yield f"  host: {settings.host(declared.service)}"
    yield POLICY.format(connections=MAX_CONNECTIONS, tier=highest.name, calls=highest.value)
    if _streams(graph, declared):
        yield SUBSETS.format(name=STREAMS, service=declared.service, connections=MAX_CONNECTIONS, streams=MAX_STREAMS)


def sidecar(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Yield the lines of a service's Sidecar: which services it may call, and how many calls one instance accepts.

    Yields none if the namespace's default Sidecar is enough.
    """
    callees, served = graph.callees(declared), graph.served(declared)
    if not (callees or served or declared.consumes):
        return
    yield "apiVersion: networking.istio.io/v1"
    yield "kind: Sidecar"
    yield "metadata:"
    yield f"  name: {declared.service}"
    yield f"  namespace: {settings.namespace}"
    if labels(declared):
        yield f"  labels: {{{labels(declared)}}}"
    yield "spec:"
    yield "  workloadSelector:"
    yield f"    labels: {{app: {declared.service}}}"
    if served:
        streams = MAX_STREAMS if _streams(graph, declared) else 0
        limits = f"{tier(served).value} calls{f' and {streams} streams' if streams else ''}"
        yield f"  # What one instance accepts from all callers together: {limits}. Its own proxy rejects more."
        yield "  inboundConnectionPool:"
        yield f"    tcp: {{maxConnections: {MAX_CONNECTIONS}}}"
        yield f"    http: {{http2MaxRequests: {tier(served).value + streams}}}"
    yield "  # Unknown hosts are refused, even if the mesh allows them by default."
    yield "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}"
    yield "  egress:"
    yield "    - hosts:"
    if callees:
        yield f"        # {declared.file}"
    yield from (f"        - ./{settings.host(callee)}" for callee in callees)
    if not callees:
        yield '        - "~/*"'


def labels(declared: Declaration) -> str:
    """Return the labels with which an installation selects who may reach its databases and its event broker."""
    uses = {
        "uses-database": declared.owns,
        "uses-events": declared.emits or declared.consumes,
        "uses-services": declared.calls,
    }
    return ", ".join(f'{label}: "true"' for label, names in uses.items() if names)


def _streams(graph: Graph, declared: Declaration) -> bool:
    return any(method.stream for method in graph.own(declared))
