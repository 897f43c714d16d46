"""Generates the files for a plugin request: rules for two profiles, dashboards, and their tables."""

from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tools.protoc_gen_istio.generate import read
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, page
from tools.protoc_gen_signals.boards import boards
from tools.protoc_gen_signals.causes import cause_alerts, cause_rules, causes, owners
from tools.protoc_gen_signals.indicators import indicators, objectives
from tools.protoc_gen_signals.pages import grafana, vmui
from tools.protoc_gen_signals.profiles import CLUSTER, LOCAL, PROFILES, Profile
from tools.protoc_gen_signals.rules import Group
from tools.protoc_gen_signals.services import service_alerts
from tools.protoc_gen_signals.settings import Settings
from tools.protoc_gen_signals.system import ledger, system_alerts
from tools.protoc_gen_signals.tables import readme

PLUGIN = "protoc-gen-signals"
RULES = "prometheusrule.yaml"


def generate(request: CodeGeneratorRequest, root: Path = Path()) -> dict[str, str]:
    """Return the content of the files by name; none for a request without services.

    The parameter `services` is a folder below `root`. Raises ParameterError, DeclarationError, ContradictionError.
    """
    settings = Settings.parse(request.parameter)
    graph, _ = read(request, settings, root)
    if not graph.contracts:
        return {}
    files = {"README.md": "\n".join(readme(graph)) + "\n"}
    for profile in PROFILES:
        for name, groups in rules(graph, profile, settings).items():
            content = {"groups": [group.plain(settings.runbooks) for group in groups]}
            files[f"{profile.name}/{name}.yaml"] = page(COMMENTS[name], [content], PLUGIN).text()
    for board in boards(graph, LOCAL):
        files[f"vmui/{board.uid}.json"] = vmui(board)
    names = []
    for board in boards(graph, CLUSTER):
        names.append(f"grafana/{board.uid}.json")
        files[names[-1]] = grafana(board)
    comment = "The rules of the profile `cluster`, for the Prometheus operator."
    files[RULES] = page([comment], [_prometheus_rule(graph, settings)], PLUGIN).text()
    comment = "For a cluster: the rules, and the dashboards as a ConfigMap that Grafana's sidecar finds."
    files["kustomization.yaml"] = page([comment], [_kustomization(names)], PLUGIN).text()
    return files


COMMENTS = {
    "objectives": ["The objective of every method, as the ratio of its calls that may fail or be slow."],
    "indicators": ["How the calls of every method meet their objective, and what else is wrong with a service."],
    "alerts": ["The alerts of every service, and of what no method shows."],
}


def rules(graph: Graph, profile: Profile, settings: Settings) -> dict[str, list[Group]]:
    """Return the groups of rules by the name of their file."""
    found = causes(profile, settings.workloads)
    conditions = [*cause_rules(found), ledger()]
    alerts = [*service_alerts(graph, profile, found), *cause_alerts(found, profile)]
    return {
        "objectives": [objectives(graph, profile), owners(graph, profile)],
        "indicators": [*indicators(graph, profile), Group("causes", profile.interval, conditions)],
        "alerts": [
            Group("services", profile.interval, alerts),
            Group("system", profile.interval, list(system_alerts(profile, found))),
        ],
    }


def _prometheus_rule(graph: Graph, settings: Settings) -> Manifest:
    groups = (group for each in rules(graph, CLUSTER, settings).values() for group in each)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "mesh", "namespace": settings.observability_namespace},
        "spec": {"groups": [group.plain(settings.runbooks) for group in groups]},
    }


def _kustomization(names: list[str]) -> Manifest:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [RULES],
        "configMapGenerator": [{"name": "mesh-dashboards", "files": names}],
        "generatorOptions": {"labels": {"grafana_dashboard": "1"}, "disableNameSuffixHash": True},
    }
