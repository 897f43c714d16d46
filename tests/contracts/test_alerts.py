"""Every alert fires for its fault and no other, not below it, and ends after it. vmalert-tool evaluates the rules."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.local.chaos.alerts import HOLD
from tests.contracts import alert_cases
from tests.contracts.alert_world import FOLDER, Case, World, loaded, methods_of, run
from tools.protoc_gen_signals.profiles import LOCAL

STEP_SECONDS = {"local": 5, "cluster": 150}
"""The shortest window has two steps at least. Locally the fault lasts for 50 s, so its alert fires within a minute."""
OBJECTIVES = dict(
    re.findall(r"^\| `(\S+)` \| \S+ \| (\S+) % ", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
)
"""The objective of each method, as the table shows it."""
LEDGER = "shop:mesh_ledger:difference"
CASES = {"local": alert_cases.local, "cluster": alert_cases.cluster}


def cases(profile: str) -> list[Case]:
    world = World()
    world.constants(profile)
    found = [*CASES[profile](world)]
    # A rule whose labels or selectors match nothing has no value, and its alerts would never fire.
    recorded = {rule["record"] for name in ("objectives", "indicators") for rule in loaded(profile, name)} - {LEDGER}
    values = {f'{{__name__="{name}"}}': 1.0 for name in recorded}
    every = (alert_cases.DURING, 'group by (__name__) ({__name__=~"(method|service|shop):.+"})', values)
    return [replace(case, samples=[*case.samples, every]) if case.name == "errors" else case for case in found]


def ledgers() -> list[Case]:
    return [alert_cases.ledger(World())]


@pytest.mark.parametrize(("profile", "step_seconds"), [("local", 90), ("cluster", 600)])
def test_a_mismatch_in_the_ledger_fires_if_it_lasts(profile: str, step_seconds: int, tmp_path: Path) -> None:
    if differences := run(tmp_path, profile, ledgers(), step_seconds):
        pytest.fail(differences)


@pytest.mark.parametrize("profile", CASES)
def test_each_fault_fires_its_alert_and_no_other(profile: str, tmp_path: Path) -> None:
    if differences := run(tmp_path, profile, cases(profile), STEP_SECONDS[profile]):
        pytest.fail(differences)


def test_an_experiment_waits_until_earlier_faults_explain_no_others() -> None:
    assert LOCAL.hold == HOLD


def test_each_alert_of_each_service_fires_in_a_case() -> None:
    fired = {each for case in (*cases("local"), *ledgers()) for expected in case.firing.values() for each in expected}
    alerts = [rule for rule in loaded("local", "alerts") if "alert" in rule]
    for rule in alerts:
        name, labels = rule["alert"], rule["labels"]
        services = {service for alert, service, severity in fired if (alert, severity) == (name, labels["severity"])}
        assert labels.get("service", "") in services or ("service" not in labels and services), f"{name} {labels}"


def test_each_alert_for_clusters_fires_in_a_case() -> None:
    fired = {each for case in (*cases("cluster"), *ledgers()) for expected in case.firing.values() for each in expected}
    alerts = {(rule["alert"], rule["labels"]["severity"]) for rule in loaded("cluster", "alerts")}
    assert {(name, severity) for name, _, severity in fired} == alerts


def test_the_objectives_are_constants(tmp_path: Path) -> None:
    """The cases above have them as series. Here the rules make them."""
    names = {method: f'{{method="{method}"}}' for method in methods_of()}
    budgets = {label: 1 - float(OBJECTIVES[method]) / 100 for method, label in names.items()}
    expr = "round(sum by (method) (method:mesh_error_budget:ratio), 0.00001)"
    case = Case("objectives", World(), {}, [(0, expr, {label: round(value, 5) for label, value in budgets.items()})])
    assert run(tmp_path, "local", [case], 5, files=("objectives",)) == ""
