"""Every alert fires for its fault and no other, not below it, and ends after it. vmalert-tool evaluates the rules."""

from pathlib import Path

import pytest

from tests.contracts.alert_cases import all_profiles, few, leaks
from tests.contracts.alert_world import Case, World, loaded, run

STEP_SECONDS = {"local": 5, "cluster": 150}
"""The shortest window of each profile has two steps at least, and the fault is shorter than a minute locally."""


def cases(profile: str) -> list[Case]:
    world = World()
    world.constants(profile)
    # The local profile has no tickets for slow leaks. What a few calls are depends on its windows.
    return [*all_profiles(world), *([few(world)] if profile == "local" else leaks(world))]


@pytest.mark.parametrize("profile", STEP_SECONDS)
def test_each_fault_fires_its_alert_and_no_other(profile: str, tmp_path: Path) -> None:
    assert run(tmp_path, profile, cases(profile), STEP_SECONDS[profile]) == ""


@pytest.mark.parametrize("profile", STEP_SECONDS)
def test_each_alert_fires_in_a_case(profile: str) -> None:
    fired = {each for case in cases(profile) for expected in case.firing.values() for each in expected}
    for rule in loaded(profile, "alerts"):
        if "alert" in rule:
            name, labels = rule["alert"], rule["labels"]
            assert [each for each in fired if _is_of(each, name, labels)], f"{profile}: {name} {labels}"


def _is_of(fired: tuple[str, str, str], name: str, labels: dict[str, str]) -> bool:
    alert, service, severity = fired
    return alert == name and severity == labels["severity"] and labels.get("service", service) == service
