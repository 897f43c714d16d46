"""What the prober measures, as Prometheus text."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

STEPS = ("login", "place", "watch", "cancel")

disable_created_metrics()  # type: ignore[no-untyped-call]

RUNS = Counter("probe_runs", "Probes that have ended, by outcome: success or failure.", ["outcome"])
FAILURES = Counter("probe_failures", "Steps that failed, by step and status.", ["step", "status"])
STEP_DURATION = Histogram(
    "probe_step_duration_seconds",
    "How long a step took, by step: login, place, watch, cancel.",
    ["step"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LAST_SUCCESS = Gauge("probe_last_success_timestamp_seconds", "When the last successful probe ended, since 1970.")

for outcome in ("success", "failure"):
    RUNS.labels(outcome)
for step in STEPS:
    STEP_DURATION.labels(step)
