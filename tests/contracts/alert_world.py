"""A world of time series for tests of the rules: what the proxies and apps of the shop measure during faults.

`World` describes it, and `run` evaluates the generated rules on it with vmalert-tool.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mesh.local.tools import bin_dir
from tests.support.checkout import ROOT
from tests.support.contracts import methods, service_of

FOLDER = ROOT / "mesh/observability/contracts"
HEALTHY, FAULT, RECOVERED = 2, 10, 13
"""The phases of a test, in steps."""
STEPS = HEALTHY + FAULT + RECOVERED
RATE = 20
"""Calls of each method in a step."""
ORDER = ["objectives", "owners", "indicators", "slow-indicators", "burning", "causes", "services", "system"]
"""The groups, each after those whose results it reads."""
BOUNDS = ("100", "500", "2500", "+Inf")
Expected = tuple[str, str, str]
"""The name, the service and the severity of an alert that fires."""


def loaded(profile: str, name: str) -> list[dict[str, Any]]:
    """Return the rules in a generated file."""
    groups = yaml.safe_load((FOLDER / profile / f"{name}.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def methods_of(*services: str) -> list[str]:
    """Return the names of the methods of services, of all by default."""
    return [path[1:] for path in methods() if not services or service_of(path) in services]


@dataclass
class World:
    """The series of a test. A phase is a number for each step, or one for all of its steps."""

    series: list[dict[str, str]] = field(default_factory=list)

    def gauge(self, name: str, healthy: float, fault: float, recovered: float, **labels: str) -> None:
        """Add a metric with one value in each phase."""
        values = f"{healthy}x{HEALTHY - 1} {fault}x{FAULT - 1} {recovered}x{RECOVERED - 1}"
        self._add(name, labels, values)

    def counter(self, name: str, healthy: int, fault: int, recovered: int, **labels: str) -> None:
        """Add a counter that grows in each step of a phase by a number."""
        parts, value = [], 0
        for growth, steps in ((healthy, HEALTHY), (fault, FAULT), (recovered, RECOVERED)):
            parts.append(f"{value}+{growth}x{steps - 1}")
            value += growth * steps
        self._add(name, labels, " ".join(parts))

    def calls(self, method: str, *, failed: Mapping[str, int] | None = None, slow: int = 0, rate: int = RATE) -> None:
        """Add the calls of a method. During the fault, some fail with a status, or are slow."""
        failed = failed or {}
        labels = {"pod": "a", "caller": "caller", "service": service_of(f"/{method}"), "method": method}
        good = rate - sum(failed.values())
        self.counter("mesh_rpc_requests_total", rate, good, rate, **labels, grpc_status="0")
        for status, count in failed.items():
            self.counter("mesh_rpc_requests_total", 0, count, 0, **labels, grpc_status=status)
        self.counter("mesh_rpc_duration_milliseconds_count", rate, rate, rate, **labels)
        for bound in BOUNDS:
            fast = rate if bound == "+Inf" else rate - slow
            self.counter("mesh_rpc_duration_milliseconds_bucket", rate, fast, rate, **labels, le=bound)

    def constants(self, profile: str) -> None:
        """Add the objectives of a profile, which are faster to read as series than as rules."""
        for rule in loaded(profile, "objectives"):
            value = rule["expr"].removeprefix("vector(").removesuffix(")")
            self._add(rule["record"], rule["labels"], f"{value}x{STEPS}")

    def _add(self, name: str, labels: Mapping[str, str], values: str) -> None:
        selector = ", ".join(f'{key}="{value}"' for key, value in labels.items())
        self.series.append({"series": f"{name}{{{selector}}}", "values": values})


@dataclass(frozen=True)
class Case:
    """A world, and what holds in it after a number of steps."""

    name: str
    world: World
    firing: Mapping[int, Sequence[Expected]]
    samples: Sequence[tuple[int, str, Mapping[str, float]]] = ()
    """(step, expression, value by series)."""


def run(
    folder: Path,
    profile: str,
    cases: Iterable[Case],
    step_seconds: int,
    files: Iterable[str] = ("indicators", "alerts"),
) -> str:
    """Evaluate the rules of a profile in all cases. Return what differs from what is expected; empty if nothing."""
    file = folder / f"{profile}.yaml"
    tests = [_test(case, step_seconds) for case in cases]
    content = {
        "rule_files": [str(FOLDER / profile / f"{name}.yaml") for name in files],
        "evaluation_interval": f"{step_seconds}s",
        "group_eval_order": ORDER,
        "tests": tests,
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    command = [str(bin_dir() / "vmalert-tool"), "unittest", f"--files={file}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _test(case: Case, step_seconds: int) -> dict[str, Any]:
    firing = 'max by (alertname, service, severity) (ALERTS{alertstate="firing"})'
    checks = [
        {
            "expr": firing,
            "eval_time": f"{step * step_seconds}s",
            "exp_samples": [{"labels": _labels(each), "value": 1} for each in expected],
        }
        for step, expected in case.firing.items()
    ]
    checks += [
        {
            "expr": expr,
            "eval_time": f"{step * step_seconds}s",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in values.items()],
        }
        for step, expr, values in case.samples
    ]
    return {
        "name": case.name,
        "interval": f"{step_seconds}s",
        "input_series": case.world.series,
        "metricsql_expr_test": checks,
    }


def _labels(expected: Expected) -> str:
    name, service, severity = expected
    labels = {"alertname": name, **({"service": service} if service else {}), "severity": severity}
    return "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
