"""`mesh why`: whether a caller may call a method, which proxy decides, by which rule, and what would allow it."""

import json
from collections.abc import Sequence
from ipaddress import ip_address

import typer

from mesh.local.clients.kubectl import Cluster, Kubectl
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY
from mesh.local.matrix.declared import methods, services
from mesh.local.terminal import console
from mesh.local.why.decision import Details, decide
from mesh.local.why.explain import Explainer
from mesh.local.why.live import Live
from mesh.local.why.names import find_method, find_subject
from mesh.local.why.report import as_json, show
from mesh.local.why.sources import Sources


def run(  # noqa: PLR0913  # the options of the command
    cluster: Cluster, caller: str, method: str, headers: Sequence[str], address: str | None, *, as_data: bool
) -> int:
    """Print the decision. Return 1 if the call is denied. Raises MeshError."""
    details = Details(dict(map(_header, headers)), _address(address))
    declared, declarations = methods(REPOSITORY), services(REPOSITORY)
    called = find_method(method, declared)
    live = Live(Kubectl.for_cluster(cluster))
    decision = decide(live, find_subject(caller, live, declared, declarations), called, details)
    explainer = Explainer(live, Sources(REPOSITORY), declared, declarations)
    advice = explainer.advice(decision, details)
    if as_data:
        typer.echo(json.dumps(as_json(decision, explainer, advice), indent=2))
    else:
        show(decision, explainer, advice, console)
    return 0 if decision.allowed else 1


def _address(text: str | None) -> str | None:
    try:
        return str(ip_address(text)) if text else None
    except ValueError as error:
        raise MeshError(f"--address: {error}") from None


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.strip().rpartition(":") if text.startswith(":") else text.strip().partition(":")
    if not separator or not name:
        raise MeshError(f"--header {text} is no header", fix="write it as NAME:VALUE")
    return name.lower(), value.strip()
