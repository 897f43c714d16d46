"""One scenario of mesh/istio/scenarios: its README's commands, its manifests, and what it has shown."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.documents import ShellSession, find_blocks, shell_session
from tests.mesh.harness import ROOT, Mesh, run_mesh

FOLDER = "mesh/istio/scenarios"
CONTRACTS = "mesh/istio/contracts"
# What a README's commands read: tools, manifests, contracts.
CHECKOUT = (".venv", ".googleapis", ".protovalidate", "buf.yaml", "mesh", "proto")


@dataclass(frozen=True)
class Scenario:
    """A folder of manifests by the name of its effect."""

    name: str
    mesh: Mesh
    scratch: Path
    """An empty folder for the files that the README's commands write."""
    record: Callable[[tuple[str, str, str]], None]
    """Takes (scenario, what is asserted, the figure reached), for the table at the run's end."""

    @property
    def folder(self) -> Path:
        """Where its manifests are."""
        return ROOT / FOLDER / self.name

    @asynccontextmanager
    async def run_readme(self, until: str = "kubectl delete") -> AsyncIterator[ShellSession]:
        """Run the README's commands up to the first line that starts with `until`, and the others after the block.

        The README must remove all that it has applied, and leave the mesh as generated. When something fails, this
        restores the mesh.
        """
        [commands] = find_blocks((self.folder / "README.md").read_text(encoding="utf-8"))
        applied = sorted({str(ROOT / folder) for folder in re.findall(r"kubectl apply -k (\S+)", commands)})
        for name in CHECKOUT:
            (self.scratch / name).symlink_to(ROOT / name)
        environment = self.mesh.environment | {"MESH_INSTANCE": self.mesh.name}
        replace = {"localhost:8080": self.mesh.gateway, "localhost:8443": self.mesh.tls_gateway}
        try:
            async with shell_session(commands, self.scratch, environment, replace) as readme:
                await readme.run_until(until)
                yield readme
                await readme.run_rest()
        except BaseException:
            await self._delete(*applied)
            await self.mesh.kubectl("scale", "-n", "shop", "deployment", "--all", "--replicas=1")
            await asyncio.to_thread(run_mesh, "up", "-i", self.mesh.name)
            raise
        left = await self._delete(*applied)
        assert not left, f"the README has left something behind:\n{left}"
        await self._is_as_generated()

    @asynccontextmanager
    async def applied(self) -> AsyncIterator[None]:
        """Apply its manifests without its README; afterwards they are gone, and the mesh is as generated."""
        folder = str(self.folder)
        await self.mesh.kubectl("apply", "-k", folder)
        try:
            yield
        finally:
            await self._delete(folder)
        await self._is_as_generated()

    async def _delete(self, *folders: str) -> str:
        """Delete what was applied, and return kubectl's list of what was still there."""
        words = ("--cascade=foreground", "--ignore-not-found")
        return "".join([await self.mesh.kubectl("delete", *words, "-k", folder) for folder in folders])

    async def _is_as_generated(self) -> None:
        run = await self.mesh.run("kubectl", "diff", "--server-side", "-k", str(ROOT / CONTRACTS))
        assert run.returncode == 0, run.stdout + run.stderr

    def record_result(self, asserted: str, figure: str) -> None:
        """Note what the scenario has reached."""
        self.record((self.name, asserted, figure))
