"""The Job of the operator checks the ledger of this mesh, can do what its identity may, and leaves nothing."""

from typing import Any

from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import MESH, Mesh
from tests.support.clock import eventually
from tests.support.report import Measured

RECEIVE = "shop.inventory.v1.InventoryService/ReceiveStock"
REFUND = "shop.payments.v1.PaymentsService/RefundPayment"


async def operator(mesh: Mesh, *words: str) -> tuple[int, str, str]:
    """Run a command of the operator through `mesh`. Return its exit code, output and errors."""
    run = await mesh.run(MESH, *words, within=240)
    return run.returncode, run.stdout, run.stderr


async def jobs(mesh: Mesh) -> list[Any]:
    items: list[Any] = (await mesh.get("jobs", "-n", "shop", "-l", "app=operator"))["items"]
    return items


async def test_the_ledger_of_the_mesh_balances(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    assert (await status_of(shop.place_order())).name == "OK"
    code, output, errors = await operator(mesh, "ledger")
    assert code == 0, (output + errors)[-2000:]
    verdict = output.splitlines()[-1]
    assert "the books balance" in verdict
    assert "FAILS" not in output
    measured(f"the ledger: {verdict}")


async def test_the_job_ends_with_its_sidecar_and_reports_its_result(mesh: Mesh) -> None:
    earlier = {job["metadata"]["name"] for job in await jobs(mesh)}
    code, output, _ = await operator(mesh, "call", RECEIVE, '{"name": "stocks/p-0001", "pieces": 1}')
    assert code == 0
    assert '"received"' in output
    code, output, _ = await operator(mesh, "call", RECEIVE, '{"name": "p-0001", "pieces": 0}')
    assert code == 1
    assert output.startswith("INVALID_ARGUMENT INVALID_FIELDS: ")
    async for attempt in eventually(60):
        with attempt:
            conditions = {
                condition["type"]
                for job in await jobs(mesh)
                if job["metadata"]["name"] not in earlier
                for condition in job["status"].get("conditions", [])
            }
            assert {"Complete", "Failed"} <= conditions
    for job in await jobs(mesh):
        if job["metadata"]["name"] not in earlier:
            await mesh.kubectl("delete", "job", "-n", "shop", job["metadata"]["name"])
    async for attempt in eventually(60):
        with attempt:
            pods = {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in await mesh.pods("operator")}
            assert pods <= earlier


async def test_the_operator_may_not_do_what_orders_does(mesh: Mesh) -> None:
    code, output, _ = await operator(mesh, "call", REFUND, '{"name": "payments/1"}')
    assert code == 1
    assert output.startswith("PERMISSION_DENIED: ")


async def test_a_missing_mesh_is_reported(mesh: Mesh) -> None:
    missing = Mesh(mesh.name, {**mesh.environment, "KUBECONFIG": "", "MESH_INSTANCE": "none"})
    code, _, errors = await operator(missing, "ledger")
    assert code == 2
    assert "mesh: the mesh 'none' is not up\n" in errors
