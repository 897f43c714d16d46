"""The matrix of callers and methods with real calls, and what `mesh why` decides about each of them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from mesh.local.clients.kubectl import Kubectl
from mesh.local.instance import existing
from mesh.local.matrix.callers import Caller, callers
from mesh.local.matrix.calls import ACCESS_DENIED, Access, Call, Cell, call_all
from mesh.local.matrix.declared import Method, methods, services
from mesh.local.matrix.measure import access, call_every_method
from mesh.local.why.decision import decide
from mesh.local.why.explain import Explainer
from mesh.local.why.live import Live
from mesh.local.why.names import POD, find_subject
from mesh.local.why.sources import Sources
from mesh.local.why.verdict import Decision, Reason
from tests.mesh.harness import Mesh
from tests.support.checkout import ROOT

METHODS, SERVICES = methods(ROOT), services(ROOT)
CALLERS = callers(METHODS, SERVICES)
SOURCES = Sources(ROOT)
NO_ROUTE = ("UNIMPLEMENTED", "UNAVAILABLE")
"""The statuses, without a message, of a proxy that has no route for a method, or for a service."""
NOT_LISTENING = "Connection refused"
"""A part of the error if the proxy has no route at all."""


@dataclass(frozen=True)
class Explained:
    """A call that was made, and what `mesh why` decides about it."""

    cell: Cell
    live: Live
    decision: Decision

    @classmethod
    def of(cls, cell: Cell, live: Live) -> "Explained":
        """Return a call with the decision about it, as its Pod or its user makes it."""
        return cls(cell, live, decide_call(live, name_in(live, cell.caller), cell.method))

    @property
    def agrees(self) -> bool:
        """Whether the call ended as decided, at the proxy that decides."""
        if self.decision.allowed:
            return self.cell.allowed
        if self.decision.decisive.reason is Reason.NO_ROUTE:
            return self.cell.result in NO_ROUTE or NOT_LISTENING in self.cell.result
        return self.cell.result == ACCESS_DENIED

    def __str__(self) -> str:
        """Format it for the message of a failed test."""
        verdicts = [(each.place, each.reason.name, *each.rules) for each in self.decision.verdicts]
        return f"{self.cell.caller.name} {self.cell.method.name}: {self.cell.result}, but decided {verdicts}"


def decide_call(live: Live, caller: str, method: Method) -> Decision:
    """Return what `mesh why CALLER METHOD` decides."""
    return decide(live, find_subject(caller, live, METHODS, SERVICES), method)


def name_in(live: Live, caller: Caller) -> str:
    """Return the name for `mesh why` of the Pod that calls for a caller of the matrix."""
    pod = f"matrix-{caller.name}"
    known = {each["metadata"]["name"] for each in live.objects("Pod")}
    return f"{POD}{pod}" if caller.inside and pod in known else caller.name


def live_objects(mesh: Mesh) -> Live:
    """Return what is live in a mesh. Each object is read once, when it is needed."""
    instance = existing(mesh.name)
    assert instance
    return Live(Kubectl.of(instance))


def explainer(live: Live) -> Explainer:
    """Return the explainer of decisions about a mesh."""
    return Explainer(live, SOURCES, METHODS, SERVICES)


@asynccontextmanager
async def caller_access(mesh: Mesh, everyone: Sequence[Caller]) -> AsyncIterator[Mapping[str, Access]]:
    """Yield how each caller calls. It logs users in, and starts a Pod for each identity."""
    instance = existing(mesh.name)
    assert instance
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, access(instance, everyone))


async def explain_matrix(mesh: Mesh, ways: Mapping[str, Access]) -> list[Explained]:
    """Call every method as every caller, and decide about each call."""

    def explain() -> list[Explained]:
        cells, live = call_every_method(METHODS, CALLERS, ways), live_objects(mesh)
        return [Explained.of(cell, live) for cell in cells]

    return await asyncio.to_thread(explain)


async def call_through_own_sidecars(mesh: Mesh, names: Sequence[str]) -> list[Cell]:
    """Call every method through the sidecars of services, as the services themselves would."""
    ways = {name: Access(await mesh.egress((await mesh.pod(name))["metadata"]["name"]), "shop") for name in names}
    everyone = [Caller(name, inside=True) for name in names]
    return await call_all(
        [Call(each, ways[each.name], method, each.may_call(method)) for method in METHODS for each in everyone]
    )


def disagreements(explained: Iterable[Explained]) -> list[str]:
    """Return every call that did not end as decided."""
    return [str(each) for each in explained if not each.agrees]
