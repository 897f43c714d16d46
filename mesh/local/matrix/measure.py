"""Calls every method as every caller, through the gateway and through a Pod for each service's identity."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from mesh.local.clients import users
from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.instance import Instance
from mesh.local.matrix.callers import Caller
from mesh.local.matrix.calls import Access, Call, Cell, call_all
from mesh.local.matrix.declared import Method
from mesh.local.matrix.probes import probes
from mesh.local.terminal import console


@contextmanager
def access(mesh: Instance, everyone: Sequence[Caller]) -> Iterator[dict[str, Access]]:
    """Log all callers in, start their Pods, yield how each caller calls, and delete the Pods.

    Raises:
        MeshError: a user could not log in, or a Pod did not start.
    """
    inside = [caller.name for caller in everyone if caller.inside]
    with console.status("users log in"):
        ways = {caller.name: Access(mesh.gateway, "", _token(mesh, caller)) for caller in everyone if not caller.inside}
    with console.status("a Pod for each identity"), probes(Kubectl.of(mesh), inside) as addresses:
        yield ways | {name: Access(address, NAMESPACE) for name, address in addresses.items()}


def call_every_method(declared: Sequence[Method], everyone: Sequence[Caller], ways: Mapping[str, Access]) -> list[Cell]:
    """Call all methods as all callers, and return the results."""
    calls = [
        Call(caller, ways[caller.name], method, caller.may_call(method)) for method in declared for caller in everyone
    ]
    return asyncio.run(call_all(calls))


def _token(mesh: Instance, caller: Caller) -> str:
    return users.token(mesh, caller.role or users.CUSTOMER) if caller.logged_in else ""
