"""DestinationRules: the limits of a service, and the ejection of failing instances."""

from tools.protoc_gen_istio.contracts import Contract
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.objectives import Tier
from tools.protoc_gen_istio.routes import STREAMS
from tools.protoc_gen_istio.settings import Settings

MAX_STREAMS = 1024
MAX_CONNECTIONS = 100
LOAD_BALANCER = Noted(
    """\
The instance with fewer calls in flight, of two at random. Instances in the zone of the caller, then in its
region, are preferred while they are healthy. Istio does this only with outlierDetection.""",
    {"simple": "LEAST_REQUEST", "localityLbSetting": OneLine({"enabled": True})},
)
TCP = {
    "connectTimeout": Noted(
        "In one network, a connection with its TLS handshake takes milliseconds. After one second it has failed.", "1s"
    ),
    "maxConnections": Noted(
        """\
HTTP/2 sends all calls to an instance over one connection per worker thread of Envoy. A healthy proxy never
reaches this limit; it stops a proxy that opens connections in a loop.""",
        MAX_CONNECTIONS,
    ),
}
RETRY_BUDGET = Noted(
    "Retries in flight: 20 % of the calls, or 3 if that is more. If every call fails, retries add 20 %, not 200 %.",
    {"percent": 20, "minRetryConcurrency": 3},
)
EJECTION = {
    "consecutiveGatewayErrors": Noted(
        """\
Consecutive UNAVAILABLE and DEADLINE_EXCEEDED: the instance does not respond. Five are no coincidence: even if
every third call fails, five in a row happen once in 240 times.""",
        5,
    ),
    "consecutive5xxErrors": Noted(
        """\
UNKNOWN, INTERNAL and DATA_LOSS count here too. The request may cause them as well as the instance, so the
limit is higher.""",
        10,
    ),
    "interval": Noted("How often Envoy checks whether an ejected instance may return.", "5s"),
    "baseEjectionTime": Noted(
        """\
Multiplied by the number of ejections so far. Longer than the restart of a process, short enough that the
instance is back in use soon after.""",
        "15s",
    ),
    "maxEjectionPercent": Noted(
        "At most half of the instances, so the only instance is never ejected: its next response may be good.", 50
    ),
    "minHealthPercent": Noted("No panic mode: if few instances are healthy, the others still get no calls.", 0),
}


def tier(contracts: list[Contract]) -> Tier:
    """Return the highest tier of the contracts."""
    return max((contract.tier for contract in contracts), key=lambda tier: tier.value)


def destination_rule(graph: Graph, declared: Declaration, settings: Settings) -> Manifest:
    """Return a service's DestinationRule: its limits."""
    spec: Manifest = {
        "host": settings.host(declared.service),
        "trafficPolicy": {
            "tls": Noted(
                "Only workloads with a sidecar are called, never in plaintext.", OneLine({"mode": "ISTIO_MUTUAL"})
            ),
            "loadBalancer": LOAD_BALANCER,
            "connectionPool": _pool(tier(graph.served(declared))),
            "retryBudget": RETRY_BUDGET,
            "outlierDetection": EJECTION,
        },
    }
    if _streams(graph, declared):
        spec["subsets"] = [_streams_subset(declared.service)]
    head = manifest("networking.istio.io/v1", "DestinationRule", declared.service, settings.namespace)
    return {**head, "spec": spec}


def _pool(tier: Tier) -> Noted:
    comment = f"""\
Tier {tier.name}: calls in flight, as many as one instance accepts (the Sidecar of this service). The
caller's proxy rejects further calls at once with UNAVAILABLE, so that they do not queue until everything
times out."""
    return Noted(
        "All limits here are per calling proxy and for all instances together: Envoys do not share their counts.",
        {"tcp": TCP, "http": {"http2MaxRequests": Noted(comment, tier.value)}},
    )


def _streams_subset(service: str) -> Noted:
    pool = {
        "tcp": OneLine({"connectTimeout": "1s", "maxConnections": MAX_CONNECTIONS}),
        "http": Noted(
            "Per calling proxy, like the limit above. A waiting stream costs a few KiB and no CPU.",
            OneLine({"http2MaxRequests": MAX_STREAMS}),
        ),
    }
    comment = "It replaces the pool above, so it repeats the TCP settings. The other settings above apply here too."
    return Noted(
        "The same Pods with separate limits, so that long-lived streams do not use up the limit of the calls.",
        {
            "name": STREAMS,
            "labels": OneLine({"app": service}),
            "trafficPolicy": {"connectionPool": Noted(comment, pool)},
        },
    )


def _streams(graph: Graph, declared: Declaration) -> bool:
    return any(method.stream for method in graph.own(declared))
