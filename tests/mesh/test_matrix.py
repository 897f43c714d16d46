"""Every method, called by every caller, is allowed or denied as contracts and declarations define."""

import subprocess
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from mesh.local.matrix.report import show
from mesh.options.v1.options_pb2 import AUDIENCE_ANYONE, MethodPolicy
from tests.mesh.harness import MESH, Mesh
from tests.mesh.matrix import CALLERS, METHODS, Explained
from tests.support.generator import generated
from tests.support.report import Measured

PAYMENTS = "/shop.payments.v1.PaymentsService"
CREATE = "shop.catalog.v1.CatalogService/CreateProduct"


async def run_matrix(mesh: Mesh) -> subprocess.CompletedProcess[str]:
    return await mesh.run(MESH, "matrix", "-i", mesh.name, within=240)


def allow(caller: str, app: str, path: str) -> dict[str, Any]:
    """Build a policy that allows a caller a method that is not declared."""
    source = {"source": {"principals": [f"cluster.local/ns/shop/sa/{caller}"]}}
    rule = {"from": [source], "to": [{"operation": {"paths": [path]}}]}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "undeclared", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": app}}, "rules": [rule]},
    }


async def test_every_cell_is_as_declared(mesh: Mesh, matrix: list[Explained], measured: Measured) -> None:
    cells = [each.cell for each in matrix]
    allowed, denied = sum(cell.allowed for cell in cells), sum(cell.denied for cell in cells)
    measured(f"matrix: {len(cells)} cells, {allowed} allowed, {denied} denied")
    assert [cell for cell in cells if not cell.right] == []
    assert len(cells) == allowed + denied == len(METHODS) * len(CALLERS)
    assert len(cells) >= 600
    output = StringIO()
    show(METHODS, CALLERS, cells, Console(file=output, width=200))
    printed = output.getvalue()
    assert (printed.count("✓"), printed.count("·")) == (allowed + 1, denied + 1)  # and one of each in the legend
    await mesh.wait_for_pod_count("matrix", 0)


@pytest.mark.prove
async def test_an_undeclared_permission_is_a_wrong_cell(mesh: Mesh) -> None:
    async with mesh.applied(allow("notifications", "payments", f"{PAYMENTS}/RefundPayment")):
        run = await run_matrix(mesh)
    assert run.returncode == 1, run.stdout + run.stderr
    wrong = [line for line in run.stdout.splitlines() if line.startswith("wrong:")]
    assert wrong == [
        f"wrong: notifications may not call {PAYMENTS[1:]}/RefundPayment, but the call ended with: INVALID_ARGUMENT",
    ]


@pytest.mark.prove
async def test_an_option_that_the_generator_reads_wrongly_is_a_wrong_cell(mesh: Mesh) -> None:
    files = generated({CREATE: MethodPolicy(audience=AUDIENCE_ANYONE)})
    changed = ("gateway.yaml", "catalog.yaml")
    try:
        for name in changed:
            await mesh.kubectl("apply", "-f", "-", stdin=files[name])
        run = await run_matrix(mesh)
    finally:
        for name in changed:
            await mesh.kubectl("apply", "-f", f"mesh/istio/contracts/{name}")
    assert run.returncode == 1, run.stdout + run.stderr
    wrong = [line for line in run.stdout.splitlines() if line.startswith("wrong:")]
    assert [line.partition(", but")[0] for line in wrong] == [
        f"wrong: {caller} may not call {CREATE}" for caller in ("anonymous", "user")
    ]
