"""The decisions about all methods for all callers of `mesh matrix`, from one reading of the cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.local.errors import MeshError
from mesh.local.matrix.callers import callers
from mesh.local.matrix.declared import Method, Service
from mesh.local.why.decision import decide
from mesh.local.why.live import Live
from mesh.local.why.names import Subject, of_caller


@dataclass(frozen=True)
class Cell:
    """Whether a caller may call a method now."""

    caller: str
    allowed: bool | None
    """None if it cannot be known."""
    declared: bool
    """Whether contracts and declarations allow it."""
    by: str = ""
    """The place and the reason of the verdict that decides, or why it cannot be known."""


@dataclass(frozen=True)
class Row:
    """A method and its cells, one for each caller."""

    method: str
    service: str
    """The service that serves it."""
    cells: Sequence[Cell]


def grid(live: Live, methods: Sequence[Method], services: Sequence[Service]) -> list[Row]:
    """Return a row for each method. Raises MeshError if the cluster cannot be read."""
    subjects = [of_caller(caller, live) for caller in callers(methods, services)]
    return [Row(method.name, method.service, [_cell(live, each, method) for each in subjects]) for method in methods]


def _cell(live: Live, subject: Subject, method: Method) -> Cell:
    declared = subject.declared.may_call(method)
    try:
        decision = decide(live, subject, method)
    except MeshError as error:
        # A service without a ready Pod must not hide the decisions about all others.
        return Cell(subject.name, None, declared, error.what)
    verdict = decision.decisive
    return Cell(subject.name, decision.allowed, declared, f"{verdict.place}: {verdict.reason.value}")
