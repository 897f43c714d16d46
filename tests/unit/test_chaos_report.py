"""`mesh chaos --json` prints numbers that JSON has, and null for what never happened."""

import json

from mesh.local.chaos.faults import EXPERIMENTS
from mesh.local.chaos.load import LoadSummary
from mesh.local.chaos.report import result_as_json
from mesh.local.chaos.run import NEVER, Result


def result() -> Result:
    return Result(EXPERIMENTS["delay"], LoadSummary(6, 6, 0.05))


def test_a_hypothesis_holds_without_a_violation() -> None:
    data = result_as_json(result(), alerts=False)
    assert data["holds"] is True
    assert data["experiment"]["service"] == "payments"
    assert data["experiment"]["alert"] == "ServiceSlow"
    assert data["orders"]["before"] == {"placed": 6, "sold": 6, "p99_seconds": 0.05, "errors": []}
    assert (data["detected"], data["alerts"]) == (None, None)


def test_what_never_happened_is_null() -> None:
    failed = result()
    failed.recovered = NEVER
    failed.alerts["ServiceSlow payments"] = 12.5, NEVER
    failed.violations.append("the shop was steady again not at all")
    data = json.loads(json.dumps(result_as_json(failed, alerts=True), allow_nan=False))
    assert data["recovered_seconds"] is None
    assert data["alerts"] == [{"alert": "ServiceSlow payments", "fired_seconds": 12.5, "ended_seconds": None}]
    assert (data["holds"], len(data["violations"])) == (False, 1)


def test_every_experiment_is_listed_with_its_promise() -> None:
    for name, experiment in EXPERIMENTS.items():
        data = result_as_json(Result(experiment, LoadSummary.of([])), alerts=True)["experiment"]
        assert (data["name"], data["promise"]["success_percent"]) == (name, experiment.promise.success)
