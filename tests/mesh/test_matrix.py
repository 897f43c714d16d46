"""Every method as every caller: who may and who may not is as contracts and declarations say, cell by cell."""

import re
import subprocess
from typing import Any

import pytest

from tests.conftest import Measured
from tests.mesh.harness import MESH, Mesh

PAYMENTS = "/shop.payments.v1.PaymentsService"


async def matrix(mesh: Mesh) -> subprocess.CompletedProcess[str]:
    return await mesh.run(MESH, "matrix", "-i", mesh.name, within=240)


def allowance(caller: str, app: str, path: str) -> dict[str, Any]:
    """Let somebody call what nobody declared."""
    source = {"source": {"principals": [f"cluster.local/ns/shop/sa/{caller}"]}}
    rule = {"from": [source], "to": [{"operation": {"paths": [path]}}]}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "a-hole", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": app}}, "rules": [rule]},
    }


async def test_every_cell_is_as_declared(mesh: Mesh, measured: Measured) -> None:
    run = await matrix(mesh)
    told = run.stdout.splitlines()[-1] if run.stdout else run.stderr
    measured(f"matrix: {told}")
    assert run.returncode == 0, run.stdout + run.stderr
    cells, allowed, denied, wrong = map(int, re.findall(r"\d+", told)[:4])
    assert (wrong, allowed + denied) == (0, cells)
    assert cells >= 600
    await mesh.wait_for_pod_count("matrix", 0)


@pytest.mark.prove
async def test_a_hole_in_the_policies_is_a_wrong_cell(mesh: Mesh) -> None:
    async with mesh.applied(allowance("notifications", "payments", f"{PAYMENTS}/RefundPayment")):
        run = await matrix(mesh)
    assert run.returncode == 1, run.stdout + run.stderr
    wrong = [line for line in run.stdout.splitlines() if line.startswith("wrong:")]
    assert wrong == [
        f"wrong: notifications may not call {PAYMENTS[1:]}/RefundPayment, but the call ended with: INVALID_ARGUMENT",
    ]
