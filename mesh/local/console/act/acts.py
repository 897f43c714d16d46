"""Every act, as the words of its command. Parameters are names that exist, or numbers between bounds.

No word reaches a shell. A parameter that is not exactly as described is refused, so that no word can be an option.
"""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mesh.local.chaos.experiment import Experiment
from mesh.local.console.act.cluster import Cluster, Split, Workload
from mesh.local.instance import REPOSITORY
from mesh.local.instance.store import DEFAULT

SCENARIOS = "mesh/istio/scenarios"
MAX_REPLICAS = 10
MAX_FAULT_SECONDS = 300
MAX_STEP_SECONDS = 600
MAX_CALLS = 10_000


class InvalidError(ValueError):
    """A parameter is missing, unknown, or has a value that it may not have."""


@dataclass(frozen=True)
class World:
    """What parameters may name."""

    instance: str
    scenarios: Collection[str]
    """Those that have something to apply."""
    experiments: Mapping[str, Experiment]
    cluster: Cluster


@dataclass(frozen=True)
class Plan:
    """The command of an act."""

    words: Sequence[str]
    warning: str = ""
    """What it destroys or interrupts; empty if nothing."""


class Params:
    """The parameters of an act, as texts. Reading one that is not valid raises InvalidError."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._rest = dict(given)

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """Return a parameter that must be one of the allowed values."""
        value, values = self._rest.pop(name, default), sorted(set(allowed))
        if value is None:
            raise InvalidError(f"{name} is missing: one of {', '.join(values) or 'none'}")
        if value not in values and value != default:
            raise InvalidError(f"{name} {value!r} is none of {', '.join(values) or 'none'}")
        return value

    def number(self, name: str, smallest: int, largest: int, default: int | None = None) -> int:
        """Return a parameter that must be a whole number between two bounds."""
        text = self._rest.pop(name, "" if default is None else str(default))
        # int() would also read " 1", "1_0" and digits of other scripts.
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(largest)) else -1
        if not smallest <= number <= largest:
            raise InvalidError(f"{name} {text!r} is no whole number from {smallest} to {largest}")
        return number

    def finish(self) -> None:
        """Raise InvalidError if a parameter was not read."""
        if self._rest:
            raise InvalidError(f"there is no parameter {', '.join(sorted(self._rest))}")


def apply_scenario(params: Params, world: World) -> Plan:
    """Return the command that applies a scenario."""
    name = params.choice("scenario", world.scenarios)
    return Plan(["kubectl", "apply", "-k", f"{SCENARIOS}/{name}"])


def delete_scenario(params: Params, world: World) -> Plan:
    """Return the command that removes a scenario."""
    name = params.choice("scenario", world.scenarios)
    words = ["kubectl", "delete", "--ignore-not-found", "-k", f"{SCENARIOS}/{name}"]
    return Plan(words, "It deletes every object of the scenario, also those that another scenario shares.")


def set_weights(params: Params, world: World) -> Plan:
    """Return the command that changes how a route splits calls between two versions."""
    by_name = {f"{each.namespace}/{each.virtual_service}/{each.index}": each for each in world.cluster.splits}
    split = by_name[params.choice("route", by_name)]
    percent = params.number("percent", 0, 100)
    weights = [(0, 100 - percent), (1, percent)]
    path = f"/spec/http/{split.index}/route"
    patch = [{"op": "replace", "path": f"{path}/{number}/weight", "value": weight} for number, weight in weights]
    options = ["-n", split.namespace, "--type=json", "-p", json.dumps(patch)]
    return Plan(
        ["kubectl", "patch", "virtualservice", split.virtual_service, *options], _weights_warning(split, percent)
    )


def canary(params: Params, world: World) -> Plan:
    """Return the command that rolls a new version out step by step."""
    found = {each.name: each for each in world.cluster.workloads if each.namespace == "shop" and each.version}
    pairs = {
        (service, each.version)
        for each in found.values()
        for service in found
        if each.name == f"{service}-{each.version}"
    }
    service = params.choice("service", [service for service, _ in pairs])
    version = params.choice("version", [version for of, version in pairs if of == service])
    seconds = params.number("seconds", 1, MAX_STEP_SECONDS, 30)
    calls = params.number("calls", 1, MAX_CALLS, 100)
    options = ["--seconds", str(seconds), "--calls", str(calls)]
    words = [*mesh_words("canary", world.instance), service, version, *options]
    return Plan(words, f"If {version} does well, it replaces the Pods of {service}.")


def scale(params: Params, world: World) -> Plan:
    """Return the command that changes the number of Pods of a workload."""
    workload = _workload(params, world)
    replicas = params.number("replicas", 0, MAX_REPLICAS)
    words = ["kubectl", "scale", "-n", workload.namespace, _target(workload), f"--replicas={replicas}"]
    return Plan(words, "" if replicas else f"{workload.name} has no Pod until it is scaled up again.")


def restart(params: Params, world: World) -> Plan:
    """Return the command that replaces all Pods of a workload."""
    workload = _workload(params, world)
    return Plan(["kubectl", "rollout", "restart", "-n", workload.namespace, _target(workload)])


def delete_pod(params: Params, world: World) -> Plan:
    """Return the command that deletes a Pod."""
    workload = _workload(params, world)
    pod = params.choice("pod", [each.name for each in workload.pods])
    words = ["kubectl", "delete", "pod", "-n", workload.namespace, pod]
    return Plan(words, "The Pod finishes its calls and ends. Another one replaces it.")


def kill(params: Params, world: World) -> Plan:
    """Return the command that kills the main process of a container."""
    workload = _workload(params, world)
    pods = {each.name: each for each in workload.pods}
    pod = params.choice("pod", pods)
    container = params.choice("container", [each.name for each in pods[pod].containers])
    words = ["kubectl", "exec", "-n", workload.namespace, pod, "-c", container, "--", "kill", "-KILL", "1"]
    return Plan(words, "Calls in flight are lost. The container is started again.")


def chaos(params: Params, world: World) -> Plan:
    """Return the command that runs an experiment."""
    experiment = world.experiments[params.choice("experiment", world.experiments)]
    words = [*mesh_words("chaos", world.instance), experiment.name]
    if experiment.service:
        services = [each.name for each in world.cluster.workloads if (each.namespace, each.app) == ("shop", each.name)]
        words += ["--service", params.choice("service", services, experiment.service)]
    words += ["--seconds", str(params.number("seconds", 1, MAX_FAULT_SECONDS, 8))]
    if params.choice("alerts", ["yes", "no"], "yes") == "no":
        words.append("--no-alerts")
    return Plan([*words, "--json"], "Orders may fail meanwhile. Stop undoes the fault.")


ACTS: Mapping[str, Callable[[Params, World], Plan]] = {
    "apply-scenario": apply_scenario,
    "delete-scenario": delete_scenario,
    "set-weights": set_weights,
    "canary": canary,
    "scale": scale,
    "restart": restart,
    "delete-pod": delete_pod,
    "kill": kill,
    "chaos": chaos,
}


def plan(act: str, given: Mapping[str, str], world: World) -> Plan:
    """Return the command of an act. Raises InvalidError; KeyError if there is no such act."""
    params = Params(given)
    planned = ACTS[act](params, world)
    params.finish()
    return planned


def mesh_program() -> str:
    """Return the program `mesh` as a shell in the checkout's root calls it."""
    program = Path(sys.executable).with_name("mesh")
    return str(program.relative_to(REPOSITORY) if program.is_relative_to(REPOSITORY) else program)


def mesh_words(command: str, instance: str) -> list[str]:
    """Return the first words of a `mesh` command for a mesh."""
    return [mesh_program(), command, *([] if instance == DEFAULT else ["-i", instance])]


def _workload(params: Params, world: World) -> Workload:
    namespace = params.choice("namespace", [each.namespace for each in world.cluster.workloads], "shop")
    names = {each.name: each for each in world.cluster.workloads if each.namespace == namespace}
    name = params.choice("workload", names)
    return names[name]


def _target(workload: Workload) -> str:
    return f"{workload.kind}/{workload.name}"


def _weights_warning(split: Split, percent: int) -> str:
    version = split.destinations[1].subset
    return f"All calls of {split.service} go to {version}." if percent == 100 else ""
