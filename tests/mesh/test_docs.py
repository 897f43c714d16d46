"""What README tells a reader to type is typed here, in a copy of the checkout, against the mesh of this run."""

import asyncio
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, copy_checkout, run_block
from tests.mesh.harness import Mesh, run_mesh

# The READMEs of the scenarios are run by tests/mesh/scenarios.
READMES = ("README.md", "mesh/local/README.md", "mesh/istio/README.md")


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks(*READMES))
async def test_block_does_what_it_says(block: str, mesh: Mesh, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    environment = mesh.environment | {"MESH_INSTANCE": mesh.name}
    try:
        await run_block(
            block, checkout, environment, {"localhost:8080": mesh.gateway, "localhost:8443": mesh.tls_gateway}
        )
    except BaseException:
        # What a block changes and then takes back, one that has broken off leaves changed.
        for kustomization in ROOT.glob("mesh/istio/scenarios/*/kustomization.yaml"):
            await mesh.kubectl("delete", "--ignore-not-found", "-k", str(kustomization.parent))
        await mesh.kubectl("scale", "-n", "shop", "deployment", "--all", "--replicas=1")
        await asyncio.to_thread(run_mesh, "up", "-i", mesh.name)
        raise
    await mesh.wait_for_rollout()
