"""The metrics that decide over a canary, parsed from Envoy's Prometheus output."""

import pytest

from mesh.local.canary.metrics import CallMetrics
from mesh.local.canary.rollout import Limits

LIMITS = Limits(step_seconds=1, calls=10, timeout_seconds=1, success=99, p99=500)


def metrics(statuses: dict[int, int], durations: dict[str, int]) -> CallMetrics:
    """Parse the metrics of inbound calls from Envoy's output, which has others as well."""
    lines = [f'envoy_cluster_grpc_{status}{{cluster_name="inbound|50051||"}} {n}' for status, n in statuses.items()]
    prefix = 'http_conn_manager_prefix="inbound_127.20.1.8_50051"'
    lines += [f'envoy_http_downstream_rq_time_bucket{{{prefix},le="{bound}"}} {n}' for bound, n in durations.items()]
    lines += ['envoy_cluster_grpc_14{cluster_name="outbound|50051||payments.shop.svc.cluster.local"} 7']
    lines += ['envoy_http_downstream_rq_time_bucket{http_conn_manager_prefix="admin",le="+Inf"} 9']
    return CallMetrics.parse("\n".join(lines))


def test_only_inbound_calls_count() -> None:
    inbound = metrics({0: 90, 5: 8, 14: 2}, {"5": 40, "500": 99, "+Inf": 100})
    assert inbound.calls == 100
    assert inbound.success == pytest.approx(0.98), "NOT_FOUND is no server error"


def test_metrics_since_an_earlier_time_are_the_difference() -> None:
    before = metrics({0: 10, 13: 5}, {"5": 15, "+Inf": 15})
    since = metrics({0: 30, 13: 5}, {"5": 20, "+Inf": 35}) - before
    assert (since.calls, since.success) == (20, 1)
    assert (before + since).calls == 35
    slow = metrics({}, {"250": 7, "500": 9, "+Inf": 9}) - metrics({}, {"250": 7, "500": 7, "+Inf": 7})
    assert slow.quantile(0.5) == 375, "half way between the bounds, although no call was below them"


def test_calls_without_a_duration_do_not_count_yet() -> None:
    assert metrics({0: 100}, {"5": 20, "+Inf": 20}).calls == 20
    assert metrics({}, {}).calls == 0


@pytest.mark.parametrize(
    ("durations", "p99"),
    [
        ({"5": 100, "10": 100, "+Inf": 100}, 4.95),
        ({"250": 98, "500": 100, "+Inf": 100}, 375),
        ({"250": 90, "500": 90, "+Inf": 100}, 500),
        ({}, 0),
    ],
    ids=["within the first bucket", "half way through the second", "beyond the last bound", "no calls"],
)
def test_a_quantile_is_calculated_as_prometheus_does(durations: dict[str, int], p99: float) -> None:
    assert metrics({}, durations).quantile(0.99) == pytest.approx(p99)


@pytest.mark.parametrize(
    ("statuses", "durations", "violation"),
    [
        ({0: 99, 14: 1}, {"5": 100, "+Inf": 100}, ""),
        ({0: 98, 14: 2}, {"5": 100, "+Inf": 100}, "98.0% of 100 calls succeed, less than 99 %"),
        ({0: 100}, {"500": 98, "1000": 100, "+Inf": 100}, "p99 is 750 ms, more than 500 ms"),
    ],
    ids=["good", "it fails", "it is slow"],
)
def test_a_version_is_compared_with_limits(statuses: dict[int, int], durations: dict[str, int], violation: str) -> None:
    assert LIMITS.violation(metrics(statuses, durations)) == violation
