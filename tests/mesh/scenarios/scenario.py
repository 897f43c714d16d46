"""One scenario of mesh/istio/scenarios: runs its README, applies its manifests, records its results."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mesh.harness import Mesh, run_mesh
from tests.support.checkout import ROOT
from tests.support.documents import ShellSession, find_blocks, shell_session

FOLDER = "mesh/istio/scenarios"
OVERLAY = "mesh/kubernetes/overlays/local"
GENERATED = "app.kubernetes.io/managed-by=protoc-gen-istio"
# The files that the commands of a README use: tools, manifests, contracts.
CHECKOUT = (".venv", "buf.yaml", "mesh", "proto", "services", "third_party")


@dataclass(frozen=True)
class Scenario:
    """A scenario and the mesh to run it in."""

    name: str
    mesh: Mesh
    scratch: Path
    """An empty folder, in which the commands of the README run."""
    record: Callable[[tuple[str, str, str]], None]
    """Adds (scenario, what was asserted, the figure reached) to the table at the end of the run."""

    @property
    def folder(self) -> Path:
        """The folder with its manifests."""
        return ROOT / FOLDER / self.name

    @asynccontextmanager
    async def run_readme(self, until: str = "kubectl delete") -> AsyncIterator[ShellSession]:
        """Run the commands of the README up to the first line that starts with `until`. After the block, run the rest.

        Raises AssertionError if the README does not remove everything that it has applied. If anything fails, this
        restores the mesh.
        """
        [commands] = find_blocks((self.folder / "README.md").read_text(encoding="utf-8"))
        folders = sorted({str(ROOT / folder) for folder in re.findall(r"kubectl apply -k (\S+)", commands)})
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
            await self._delete(*folders)
            for namespace in ("shop", "shop-ingress"):
                await self.mesh.kubectl("scale", "-n", namespace, "deployment", "--all", "--replicas=1")
            await asyncio.to_thread(run_mesh, "up", "-i", self.mesh.name)
            raise
        deleted = await self._delete(*folders)
        assert not deleted, f"the README does not delete everything that it applies:\n{deleted}"
        await self._assert_as_generated()

    @asynccontextmanager
    async def applied(self) -> AsyncIterator[None]:
        """Apply its manifests while the block runs, without its README."""
        folder = str(self.folder)
        await self.mesh.kubectl("apply", "-k", folder)
        try:
            yield
        finally:
            await self._delete(folder)
        await self._assert_as_generated()

    async def _delete(self, *folders: str) -> str:
        """Delete all resources in the folders. Return kubectl's list of those that existed."""
        words = ("--cascade=foreground", "--ignore-not-found")
        return "".join([await self.mesh.kubectl("delete", *words, "-k", folder) for folder in folders])

    async def _assert_as_generated(self) -> None:
        """Assert that the policies in the mesh are the generated ones."""
        run = await self.mesh.run("kubectl", "diff", "--server-side", "-k", str(ROOT / OVERLAY), "-l", GENERATED)
        assert run.returncode == 0, run.stdout + run.stderr

    def record_result(self, asserted: str, figure: str) -> None:
        """Record what was asserted and the figure that the scenario has reached."""
        self.record((self.name, asserted, figure))
