"""`mesh matrix`: call every method as every caller, and compare each result with the declarations."""

import asyncio
import time
from collections.abc import Sequence

from mesh.local.clients import users
from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.console import console
from mesh.local.instance import REPOSITORY, Instance
from mesh.local.matrix.callers import Caller, callers
from mesh.local.matrix.calls import Access, Call, Cell, call_all
from mesh.local.matrix.declared import Method, methods, services
from mesh.local.matrix.probes import probes
from mesh.local.matrix.report import show
from mesh.local.processes import load_running


def run(name: str) -> int:
    """Print the matrix. Return 1 if a cell is wrong. Raises MeshError."""
    mesh = load_running(name)
    started = time.monotonic()
    declared = methods(REPOSITORY)
    everyone = callers(declared, services(REPOSITORY))
    cells = _call_every_method(mesh, declared, everyone)
    show(declared, everyone, cells, console)
    allowed, denied = sum(cell.allowed for cell in cells), sum(cell.denied for cell in cells)
    wrong = sum(not cell.right for cell in cells)
    seconds = time.monotonic() - started
    summary = f"{len(cells)} cells, {allowed} allowed, {denied} denied, {wrong} wrong, in {seconds:.1f} s"
    console.print(summary, highlight=False)
    return 1 if wrong else 0


def _call_every_method(mesh: Instance, declared: Sequence[Method], everyone: Sequence[Caller]) -> list[Cell]:
    outside = [caller for caller in everyone if not caller.inside]
    inside = [caller.name for caller in everyone if caller.inside]
    with console.status("users log in"):
        access = {caller.name: Access(mesh.gateway, "", _token(mesh, caller)) for caller in outside}
    with console.status("a Pod for each identity"), probes(Kubectl.of(mesh), inside) as addresses:
        access |= {name: Access(address, NAMESPACE) for name, address in addresses.items()}
        calls = [
            Call(caller, access[caller.name], method, caller.may_call(method))
            for method in declared
            for caller in everyone
        ]
        return asyncio.run(call_all(calls))


def _token(mesh: Instance, caller: Caller) -> str:
    return users.token(mesh, caller.role or users.CUSTOMER) if caller.logged_in else ""
