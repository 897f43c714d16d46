"""The commands of the documents do what they say, in a copy of the checkout, on the mesh of this test run."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from tests.mesh.harness import Mesh, run_mesh
from tests.support.checkout import ROOT
from tests.support.documents import blocks, copy_checkout, run_block, run_document

FIRST_READ = ("README.md", "docs/tour.md")
"""The documents that every newcomer reads: `make test` runs them."""
DOCUMENTS = ("docs/operations.md", "docs/policies.md", "docs/signals.md")
# tests/mesh/scenarios runs the READMEs of the scenarios.
READMES = ("mesh/local/README.md", "mesh/local/console/README.md", "mesh/istio/README.md")
RUNBOOKS = (
    "docs/runbooks/calls-rejected.md",
    "docs/runbooks/certificate-expiring.md",
    "docs/runbooks/consumer-lagging.md",
    "docs/runbooks/control-plane-down.md",
    "docs/runbooks/database-saturated.md",
    "docs/runbooks/database-unavailable.md",
    "docs/runbooks/dead-letters.md",
    "docs/runbooks/events-delayed.md",
    "docs/runbooks/instance-down.md",
    "docs/runbooks/instance-ejected.md",
    "docs/runbooks/ledger-mismatch.md",
    "docs/runbooks/orders-parked.md",
    "docs/runbooks/probe-failing.md",
    "docs/runbooks/process-restarted.md",
    "docs/runbooks/service-errors.md",
    "docs/runbooks/service-slow.md",
    "docs/runbooks/spans-lost.md",
    "docs/runbooks/stock-out.md",
)


@pytest.mark.parametrize("name", [*FIRST_READ, *(pytest.param(name, marks=pytest.mark.prove) for name in DOCUMENTS)])
async def test_document_shows_what_its_commands_print(name: str, mesh: Mesh, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    text = (ROOT / name).read_text(encoding="utf-8")
    await run_and_restore(run_document(text, checkout, environment(mesh), addresses(mesh)), mesh)


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks(*READMES, *RUNBOOKS))
async def test_block_does_what_it_says(block: str, mesh: Mesh, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    await run_and_restore(run_block(block, checkout, environment(mesh), addresses(mesh)), mesh)


def environment(mesh: Mesh) -> dict[str, str]:
    return mesh.environment | {"MESH_INSTANCE": mesh.name}


def addresses(mesh: Mesh) -> dict[str, str]:
    return {"localhost:8080": mesh.gateway, "localhost:8443": mesh.tls_gateway}


async def run_and_restore(commands: Awaitable[None], mesh: Mesh) -> None:
    try:
        await commands
    except BaseException:
        # A block that failed has not deleted the policies that it applied.
        await mesh.kubectl("delete", "--ignore-not-found", "-f", "docs/traffic")
        for kustomization in ROOT.glob("mesh/istio/scenarios/*/kustomization.yaml"):
            await mesh.kubectl("delete", "--ignore-not-found", "-k", str(kustomization.parent))
        await mesh.kubectl("scale", "-n", "shop", "deployment", "--all", "--replicas=1")
        await asyncio.to_thread(run_mesh, "up", "-i", mesh.name)
        raise
    await mesh.wait_for_rollout()
