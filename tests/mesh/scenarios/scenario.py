"""One scenario of mesh/istio/scenarios: applied for the length of a block, with what it has shown."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mesh.harness import ROOT, Mesh

FOLDER = "mesh/istio/scenarios"
CONTRACTS = "mesh/istio/contracts"


@dataclass(frozen=True)
class Scenario:
    """A folder of manifests by the name of its effect."""

    name: str
    mesh: Mesh
    note: Callable[[tuple[str, str, str]], None]
    """Takes (scenario, what is asserted, the figure reached), for the table at the run's end."""

    @property
    def folder(self) -> Path:
        """Where its manifests are."""
        return ROOT / FOLDER / self.name

    async def without(self, *files: str) -> None:
        """Take a part of what is applied away: what is left shows what the part is good for."""
        for file in files:
            await self.mesh.kubectl("delete", "-f", str(self.folder / file))

    @asynccontextmanager
    async def applied(self) -> AsyncIterator[None]:
        """Apply it; afterwards it is gone, and the mesh is as generated."""
        folder = str(self.folder)
        await self.mesh.kubectl("apply", "-k", folder)
        try:
            yield
        finally:
            await self.mesh.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "-k", folder)
        run = await self.mesh.run("kubectl", "diff", "--server-side", "-k", str(ROOT / CONTRACTS))
        assert run.returncode == 0, run.stdout + run.stderr

    def reached(self, asserted: str, figure: str) -> None:
        """Note what the scenario has reached."""
        self.note((self.name, asserted, figure))
