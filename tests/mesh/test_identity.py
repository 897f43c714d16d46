"""Between services: which calls are allowed, and that no call can bypass the sidecar."""

import grpc

from tests.mesh import policies
from tests.mesh.calls import call_as
from tests.mesh.harness import Mesh, listening_addresses

CATALOG, INVENTORY, PAYMENTS = (f"{name}.shop.svc.cluster.local" for name in ("catalog", "inventory", "payments"))


async def test_the_app_listens_only_on_its_management_port(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    (app,) = (p for p in mesh.processes("python", pod["metadata"]["uid"]) if "services.catalog" in p.cmdline())
    assert listening_addresses(app.net_connections("tcp")) == {(pod["status"]["podIP"], 8081)}


async def test_the_apps_port_belongs_to_its_sidecar(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    (envoy,) = mesh.processes("envoy", pod["metadata"]["uid"])
    assert (pod["status"]["podIP"], 50051) in listening_addresses(envoy.net_connections("tcp"))


async def test_orders_may_call_a_declared_method(mesh: Mesh) -> None:
    batch = "/shop.catalog.v1.CatalogService/BatchGetProducts"
    # The app itself refuses the empty request, so the call has reached it.
    assert await call_as(mesh, "orders", CATALOG, batch) == grpc.StatusCode.INVALID_ARGUMENT


async def test_orders_may_not_call_another_method_of_the_same_service(mesh: Mesh) -> None:
    assert (
        await call_as(mesh, "orders", CATALOG, "/shop.catalog.v1.CatalogService/GetProduct")
        == grpc.StatusCode.PERMISSION_DENIED
    )
    assert (
        await call_as(mesh, "orders", INVENTORY, "/shop.inventory.v1.InventoryService/GetStock")
        == grpc.StatusCode.PERMISSION_DENIED
    )
    assert (
        await call_as(mesh, "orders", PAYMENTS, "/shop.payments.v1.PaymentsService/GetPayment")
        == grpc.StatusCode.PERMISSION_DENIED
    )


async def test_a_workload_reaches_only_the_hosts_in_its_sidecar(mesh: Mesh) -> None:
    async with mesh.applied(*policies.stranger()):
        await mesh.wait_for_rollout()
        status = await call_as(mesh, "stranger", INVENTORY, "/shop.inventory.v1.InventoryService/GetStock")
        assert status not in {grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED}
