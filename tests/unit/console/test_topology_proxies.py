"""What the topology reads from the configurations and the states of Envoys."""

from collections.abc import Mapping
from typing import Any

from mesh.local.clients.metrics import Sample
from mesh.local.console.topology import edge, rules
from mesh.local.console.topology.graph import EdgeView, Graph
from mesh.local.console.topology.proxies import Limit, Route, limits, pools, routes_of
from mesh.local.console.topology.rules import Host, Rules
from mesh.local.console.topology.structure import EdgeKind
from mesh.local.console.topology.tls import Transport, combined, endpoint_labels, transport
from mesh.local.console.topology.workloads import Pod
from mesh.local.why.proxy import Chain, Proxy

METHOD = "shop.payments.v1.PaymentsService/CapturePayment"
PATH = f"/{METHOD}"
CLUSTER = "outbound|50051||payments.shop.svc.cluster.local"
RAW = {"name": "envoy.transport_sockets.raw_buffer"}
ISTIO = {"tlsMode": "istio"}
METADATA = {
    "filter_metadata": {"istio": {"config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/payments"}}
}


def tls(**context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # JSON
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"common_tls_context": context}}


MUTUAL = tls(tls_certificate_sds_secret_configs=[{"name": "default"}])


def test_transport_of_a_destination_rule() -> None:
    assert transport({"transport_socket": MUTUAL}, []) is Transport.MUTUAL
    assert transport({"transport_socket": tls()}, []) is Transport.TLS
    assert transport({}, []) is Transport.PLAINTEXT


def test_transport_that_depends_on_the_endpoints() -> None:
    automatic = {
        "transport_socket_matches": [
            {"name": "tlsMode-istio", "match": ISTIO, "transport_socket": MUTUAL},
            {"name": "tlsMode-disabled", "match": {}, "transport_socket": RAW},
        ]
    }
    assert transport(automatic, [ISTIO, ISTIO]) is Transport.MUTUAL
    assert transport(automatic, [{}]) is Transport.PLAINTEXT
    assert transport(automatic, [ISTIO, {}]) is Transport.MIXED
    assert transport(automatic, []) is None, "without a Pod, nothing is known"


def test_transports_of_several_proxies() -> None:
    assert combined([Transport.MUTUAL, None, Transport.MUTUAL]) is Transport.MUTUAL
    assert combined([Transport.MUTUAL, Transport.PLAINTEXT]) is Transport.MIXED
    assert combined([]) is None


def test_labels_of_endpoints() -> None:
    endpoint = {"metadata": {"filter_metadata": {"envoy.transport_socket_match": ISTIO}}}
    assignment = {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [endpoint, {}]}]}
    assert endpoint_labels({"configs": [{"endpoint_config": assignment}]}) == {CLUSTER: [ISTIO, {}]}


def test_routes_of_a_method() -> None:
    retries = {"num_retries": 2, "retry_on": "unavailable,reset"}
    fault = {"abort": {"grpc_status": 14, "percentage": {"numerator": 500000, "denominator": "MILLION"}}}
    header = {"name": "x-fault", "string_match": {"exact": "abort"}}
    shares = [{"name": CLUSTER.replace("||", "|v1|"), "weight": 90}, {"name": CLUSTER, "weight": 10}]
    options = {"name": ":method", "string_match": {"exact": "OPTIONS"}}
    plain = {"cluster": CLUSTER, "timeout": "3s", "retry_policy": retries}
    config = {
        "virtual_hosts": [
            {
                "domains": ["payments.shop.svc.cluster.local:50051"],
                "routes": [
                    {"match": {"prefix": "/", "headers": [options]}, "route": plain},
                    {"match": {"path": "/shop.payments.v1.PaymentsService/GetPayment"}, "route": plain},
                    {
                        "match": {"path": PATH, "headers": [header]},
                        "route": {"weighted_clusters": {"clusters": shares}, "timeout": "0s"},
                        "typed_per_filter_config": {"envoy.filters.http.fault": fault},
                    },
                    {"match": {"path": PATH}, "route": plain, "metadata": METADATA},
                    {"match": {"prefix": "/"}, "route": {"cluster": "never reached"}},
                ],
            }
        ]
    }
    assert list(routes_of(config, PATH, "payments")) == [
        Route("x-fault: abort", "", 1, "", "abort 50 % with gRPC status 14", {"v1": 90, "payments": 10}, "", ""),
        Route("", "3s", 3, "unavailable,reset", "", {"payments": 100}, "", "virtual-service shop/payments"),
    ]


def test_a_route_of_another_host_names_it() -> None:
    host = {"domains": ["fault.example"], "routes": [{"match": {"path": PATH}, "route": {"cluster": CLUSTER}}]}
    (found,) = routes_of({"virtual_hosts": [host]}, PATH, "payments")
    assert found.condition == "host: fault.example"


def test_rate_limits_of_a_method() -> None:
    bucket = {"max_tokens": 30, "tokens_per_fill": 30, "fill_interval": "60s"}
    by_method = [{"key": "method", "value": PATH}, {"key": "masked_remote_address"}]
    other = [{"key": "method", "value": "/another"}, {"key": "masked_remote_address"}]
    config = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "method",
        "descriptors": [{"entries": each, "token_bucket": bucket} for each in (by_method, other, [{"key": "user"}])],
    }
    chain = Chain("", 8080, is_tls=False, http={"http_filters": [{"name": "method-limits", "typed_config": config}]})
    assert limits(chain, PATH) == [Limit("method", 30, "60s", ("address",)), Limit("method", 30, "60s", ("user",))]
    assert limits(None, PATH) == []


def test_pool_of_a_service() -> None:
    thresholds = {"max_connections": 100, "max_requests": 2**32 - 1, "retry_budget": {"budget_percent": {"value": 20}}}
    outliers = {"consecutive_gateway_failure": 5, "base_ejection_time": "15s", "max_ejection_percent": 50}
    cluster = {"name": CLUSTER, "circuit_breakers": {"thresholds": [thresholds]}, "outlier_detection": outliers}
    other = {"name": "outbound|50051||catalog.shop.svc.cluster.local"}
    dump = {"configs": [{"dynamic_active_clusters": [{"cluster": cluster}, {"cluster": other}]}]}
    (pool,) = pools(Proxy({}, dump), "payments")
    assert (pool.subset, pool.max_requests, pool.max_connections, pool.retry_budget_percent) == ("", None, 100, 20)
    assert (pool.consecutive_errors, pool.ejection_time, pool.max_ejected_percent) == (5, "15s", 50)


def test_ejected_hosts() -> None:
    def host(address: str, active: str, **health: Any) -> Mapping[str, Any]:  # noqa: ANN401  # JSON
        stats = [{"name": "rq_active", "type": "GAUGE"} | ({"value": active} if active else {})]
        return {"address": {"socket_address": {"address": address}}, "stats": stats, "health_status": health}

    hosts = [host("127.22.1.15", "2"), host("127.22.1.16", "", failed_outlier_check=True)]
    subset = {"name": CLUSTER.replace("||", "|v1|"), "host_statuses": hosts[:1]}
    statuses = {"cluster_statuses": [{"name": CLUSTER, "host_statuses": hosts}, subset, {"name": "xds-grpc"}]}
    pods = [Pod("payments-1", "v1", ready=True, state="Running", restarts=0, address="127.22.1.15")]
    assert rules.read_hosts("orders-1", statuses, "payments", pods) == [
        Host("orders-1", "127.22.1.15", "payments-1", ejected=False, active=4),
        Host("orders-1", "127.22.1.16", "", ejected=True, active=0),
    ]


def test_details_of_an_edge() -> None:
    view = EdgeView(
        "orders~payments", "orders", "payments", EdgeKind.CALLS, (METHOD,), 5, 0.1, 2, 0, {}, 1.0, None, None
    )
    graph = Graph(1000.0, live=True, window_seconds=60, nodes=(), edges=(view,), alerts=(), undeclared=())
    samples = [
        Sample({"figure": "calls", "method": METHOD, "grpc_status": "0", "response_flags": "-"}, 3),
        Sample({"figure": "calls", "method": METHOD, "grpc_status": "14", "response_flags": "UO"}, 2),
        Sample({"figure": "calls", "method": METHOD, "grpc_status": "4", "response_flags": "UT"}, 0),
        Sample({"figure": "p99", "method": METHOD}, 7.5),
        Sample({"figure": "now", "pod": "orders-1", "stat": "envoy_cluster_circuit_breakers_default_rq_open"}, 1),
        Sample({"figure": "window", "pod": "orders-1", "stat": "envoy_cluster_upstream_rq_retry"}, 4),
    ]
    detail = edge.assemble(graph, view, frozenset(), samples=samples, rules=Rules(), links=())
    (method,) = detail.methods
    assert (method.by_status, method.by_flag) == ({0: 3, 14: 2}, {"UO": 2})
    assert (method.p50_milliseconds, method.p99_milliseconds) == (None, 7.5)
    assert [(each.pod, each.now, each.window) for each in detail.proxies] == [
        ("orders-1", {"breaker_open": 1}, {"retries": 4})
    ]
    stream = edge.assemble(graph, view, frozenset({METHOD}), samples=samples, rules=Rules(), links=())
    assert stream.methods[0].p99_milliseconds is None
