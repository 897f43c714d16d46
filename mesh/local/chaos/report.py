"""Results of experiments as data, for programs: `mesh chaos --json`, and the console."""

import math
from typing import Any

from mesh.local.chaos.experiment import Experiment
from mesh.local.chaos.load import LoadSummary
from mesh.local.chaos.run import Result


def experiment_as_json(experiment: Experiment) -> dict[str, Any]:
    """Return what an experiment does, and what it expects. Times are in seconds, shares in percent."""
    promise = experiment.promise
    return {
        "name": experiment.name,
        "service": experiment.service or None,
        "hypothesis": experiment.hypothesis,
        "promise": {
            "success_percent": promise.success,
            "p99_seconds": promise.p99,
            "recovery_seconds": promise.recovery,
            "recovers_alone": experiment.recovers_alone,
        },
        "alert": experiment.alert or None,
    }


def result_as_json(result: Result, *, alerts: bool) -> dict[str, Any]:
    """Return what was measured. Null stands for what never happened, or was not measured: alerts without `alerts`."""
    return {
        "experiment": experiment_as_json(result.experiment),
        "holds": not result.violations,
        "violations": result.violations,
        "orders": {
            "before": _orders(result.before),
            "during": _orders(result.during),
            "after": _orders(result.after),
        },
        "detected": {"seconds": result.detected[0], "sign": result.detected[1]} if result.detected else None,
        "recovered_seconds": _seconds(result.recovered),
        "books": result.books or None,
        "alerts": [_alert(name, times) for name, times in result.alerts.items()] if alerts else None,
    }


def _alert(name: str, times: tuple[float, float]) -> dict[str, Any]:
    fired, ended = times
    return {"alert": name, "fired_seconds": _seconds(fired), "ended_seconds": _seconds(ended)}


def _orders(summary: LoadSummary) -> dict[str, Any]:
    return {
        "placed": summary.placed,
        "sold": summary.sold,
        "p99_seconds": summary.p99,
        "errors": list(summary.errors),
    }


def _seconds(value: float) -> float | None:
    """Return seconds; None for never, which JSON has no number for."""
    return value if math.isfinite(value) else None
