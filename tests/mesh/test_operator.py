"""The operator's Job: it proves that the books of this mesh balance, does what its identity may, and leaves nothing."""

from typing import Any

from tests.conftest import Measured
from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import MESH, Mesh, eventually

RECEIVE = "shop.inventory.v1.InventoryService/ReceiveStock"
REFUND = "shop.payments.v1.PaymentsService/RefundPayment"


async def operator(mesh: Mesh, *words: str) -> tuple[int, str, str]:
    """Run a command of the operator's as `make` does; its exit code, output and errors."""
    run = await mesh.run(MESH, *words, within=240)
    return run.returncode, run.stdout, run.stderr


async def jobs(mesh: Mesh) -> list[Any]:
    found: list[Any] = (await mesh.get("jobs", "-n", "shop", "-l", "app=operator"))["items"]
    return found


async def test_the_books_of_the_mesh_balance(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    assert (await status_of(shop.place_order())).name == "OK"
    code, told, errors = await operator(mesh, "ledger")
    assert code == 0, (told + errors)[-2000:]
    verdict = told.splitlines()[-1]
    assert "the books balance" in verdict
    assert "FAILS" not in told
    measured(f"the ledger: {verdict}")


async def test_the_job_ends_with_its_sidecar_and_says_how(mesh: Mesh) -> None:
    known = {job["metadata"]["name"] for job in await jobs(mesh)}
    code, told, _ = await operator(mesh, "call", RECEIVE, '{"name": "stocks/p-0001", "pieces": 1}')
    assert code == 0
    assert '"received"' in told
    code, told, _ = await operator(mesh, "call", RECEIVE, '{"name": "p-0001", "pieces": 0}')
    assert code == 1
    assert told.startswith("INVALID_ARGUMENT INVALID_FIELDS: ")
    async for attempt in eventually(60):
        with attempt:
            ends = {
                condition["type"]
                for job in await jobs(mesh)
                if job["metadata"]["name"] not in known
                for condition in job["status"].get("conditions", [])
            }
            assert {"Complete", "Failed"} <= ends
    for job in await jobs(mesh):
        if job["metadata"]["name"] not in known:
            await mesh.kubectl("delete", "job", "-n", "shop", job["metadata"]["name"])
    async for attempt in eventually(60):
        with attempt:
            pods = {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in await mesh.pods("operator")}
            assert pods <= known


async def test_the_operator_may_not_do_what_orders_does(mesh: Mesh) -> None:
    code, told, _ = await operator(mesh, "call", REFUND, '{"name": "payments/1"}')
    assert code == 1
    assert told.startswith("PERMISSION_DENIED: ")


async def test_a_mesh_that_is_not_there_is_told(mesh: Mesh) -> None:
    alone = Mesh(mesh.name, {**mesh.environment, "KUBECONFIG": "", "MESH_INSTANCE": "none"})
    code, _, errors = await operator(alone, "ledger")
    assert code == 2
    assert "mesh: there is no mesh 'none'\n" in errors
