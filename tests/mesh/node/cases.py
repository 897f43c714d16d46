"""A case: one small Pod, and what is seen of it. All Pods of a file start together, so that a file takes seconds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.mesh.harness import Manifest
from tests.mesh.node.pods import Node, pod


@dataclass(frozen=True)
class Case:
    """`name` is the Pod's name and the row of mesh/local/agent/CONFORMANCE.md."""

    name: str
    containers: list[Manifest]
    log: str | None = None
    """What the container prints, without the newline at the end."""
    phase: str = "Succeeded"
    state: str = ""
    """Words of the state of the container."""
    event: str = ""
    """Words of an event of the Pod."""
    spec: Manifest = field(default_factory=dict)
    objects: list[Manifest] = field(default_factory=list)
    """What else the Pod needs."""

    @property
    def manifests(self) -> list[Manifest]:
        """Return everything to apply."""
        return [*self.objects, pod(self.name, *self.containers, **self.spec)]

    async def check(self, node: Node) -> None:
        """Check everything that the case states."""
        if self.phase:
            await node.wait(self.name, self.phase)
        if self.state:
            await node.wait_for_state(self.name, self.state)
        if self.event:
            await node.wait_for_event(self.name, self.event)
        if self.log is not None:
            assert (await node.log(self.name, "main")).rstrip("\n") == self.log


def each(cases: list[Case]) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Run a test for each case."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])
