"""`mesh why`: whether a caller may call a method, which proxy decides, by which rule, and what would allow it."""

import json

import typer

from mesh.local.clients.kubectl import Cluster, Kubectl
from mesh.local.instance import REPOSITORY
from mesh.local.processes import load_running
from mesh.local.terminal import console
from mesh.local.why.inquiry import Question, explain_call
from mesh.local.why.live import Live
from mesh.local.why.local import LocalLive
from mesh.local.why.report import show


def run(cluster: Cluster, question: Question, *, as_data: bool) -> int:
    """Print the decision. Return 1 if the call is denied. Raises MeshError."""
    kubectl = Kubectl.for_cluster(cluster)
    live = Live(kubectl) if cluster.kubeconfig else LocalLive(kubectl, mesh=load_running(cluster.instance))
    found = explain_call(live, REPOSITORY, question)
    if as_data:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        show(found.decision, found.explainer, found.advice, console)
    return 0 if found.decision.allowed else 1
