"""What a canary is judged by: its proxies' figures, read as Envoy tells them."""

import pytest

from mesh.local.canary.metrics import CallMetrics
from mesh.local.canary.rollout import Limits

LIMITS = Limits(step_seconds=1, calls=10, timeout_seconds=1, success=99, p99=500)


def told(statuses: dict[int, int], within: dict[str, int]) -> CallMetrics:
    """Read figures as Envoy tells them, among others that are not of the calls that came in."""
    lines = [f'envoy_cluster_grpc_{status}{{cluster_name="inbound|50051||"}} {n}' for status, n in statuses.items()]
    prefix = 'http_conn_manager_prefix="inbound_127.20.1.8_50051"'
    lines += [f'envoy_http_downstream_rq_time_bucket{{{prefix},le="{bound}"}} {n}' for bound, n in within.items()]
    lines += ['envoy_cluster_grpc_14{cluster_name="outbound|50051||payments.shop.svc.cluster.local"} 7']
    lines += ['envoy_http_downstream_rq_time_bucket{http_conn_manager_prefix="admin",le="+Inf"} 9']
    return CallMetrics.parse("\n".join(lines))


def test_calls_are_those_that_came_in() -> None:
    seen = told({0: 90, 5: 8, 14: 2}, {"5": 40, "500": 99, "+Inf": 100})
    assert seen.calls == 100
    assert seen.success == pytest.approx(0.98), "NOT_FOUND is a good answer"


def test_what_came_since_is_the_difference() -> None:
    before = told({0: 10, 13: 5}, {"5": 15, "+Inf": 15})
    since = told({0: 30, 13: 5}, {"5": 20, "+Inf": 35}) - before
    assert (since.calls, since.success) == (20, 1)
    assert (before + since).calls == 35
    slow = told({}, {"250": 7, "500": 9, "+Inf": 9}) - told({}, {"250": 7, "500": 7, "+Inf": 7})
    assert slow.quantile(0.5) == 375, "half way between the bounds, though nothing came below them"


def test_calls_that_are_not_timed_yet_wait_for_it() -> None:
    assert told({0: 100}, {"5": 20, "+Inf": 20}).calls == 20
    assert told({}, {}).calls == 0


@pytest.mark.parametrize(
    ("within", "p99"),
    [
        ({"5": 100, "10": 100, "+Inf": 100}, 4.95),
        ({"250": 98, "500": 100, "+Inf": 100}, 375),
        ({"250": 90, "500": 90, "+Inf": 100}, 500),
        ({}, 0),
    ],
    ids=["within the first bucket", "half way through the second", "beyond the last bound", "no calls"],
)
def test_a_quantile_is_prometheus_s(within: dict[str, int], p99: float) -> None:
    assert told({}, within).quantile(0.99) == pytest.approx(p99)


@pytest.mark.parametrize(
    ("statuses", "within", "violation"),
    [
        ({0: 99, 14: 1}, {"5": 100, "+Inf": 100}, ""),
        ({0: 98, 14: 2}, {"5": 100, "+Inf": 100}, "98.0% of 100 calls succeed, less than 99 %"),
        ({0: 100}, {"500": 98, "1000": 100, "+Inf": 100}, "p99 is 750 ms, more than 500 ms"),
    ],
    ids=["good", "it fails", "it is slow"],
)
def test_a_version_is_judged(statuses: dict[int, int], within: dict[str, int], violation: str) -> None:
    assert LIMITS.violation(told(statuses, within)) == violation
