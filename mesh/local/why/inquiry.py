"""A question about one call, and everything that is known about it. The command and the page ask in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from mesh.local.errors import MeshError
from mesh.local.matrix.declared import methods, services
from mesh.local.why.decision import Details, decide
from mesh.local.why.explain import Explainer
from mesh.local.why.live import Live
from mesh.local.why.names import find_method, find_subject
from mesh.local.why.report import as_json
from mesh.local.why.sources import Sources
from mesh.local.why.verdict import Decision


@dataclass(frozen=True)
class Question:
    """May a caller call a method? Everything is text as the user writes it."""

    caller: str
    method: str
    headers: Sequence[str] = ()
    """Each "NAME:VALUE"."""
    address: str = ""
    """The address of the caller; empty if the user does not name it."""

    @property
    def details(self) -> Details:
        """The parts of the call besides caller and method. Raises MeshError."""
        return Details(dict(map(_header, self.headers)), _address(self.address))


@dataclass(frozen=True)
class Finding:
    """The decision about a call, with what explains it."""

    decision: Decision
    explainer: Explainer
    advice: list[str]
    """The changes that would allow the call; empty if it is allowed."""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return as_json(self.decision, self.explainer, self.advice)


def explain_call(live: Live, root: Path, question: Question) -> Finding:
    """Return what is known about a call between the services of a checkout, in one cluster.

    Raises:
        MeshError: there is no such caller or method, or the decision cannot be known.
    """
    details, declared, declarations = question.details, methods(root), services(root)
    called = find_method(question.method, declared)
    decision = decide(live, find_subject(question.caller, live, declared, declarations), called, details)
    explainer = Explainer(live, Sources(root), declared, declarations)
    return Finding(decision, explainer, explainer.advice(decision, details))


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text)) if text else None
    except ValueError as error:
        raise MeshError(f"--address: {error}") from None


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.strip().rpartition(":") if text.startswith(":") else text.strip().partition(":")
    if not separator or not name:
        raise MeshError(f"--header {text} is no header", fix="write it as NAME:VALUE")
    return name.lower(), value.strip()
