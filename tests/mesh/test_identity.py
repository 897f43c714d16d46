"""Between services: who is let in, and that there is no way around the sidecar."""

import asyncio
import ssl

import grpc
import pytest

from tests.mesh import policies
from tests.mesh.calls import call_as
from tests.mesh.harness import Mesh, eventually, listening

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CATALOG, INVENTORY, PAYMENTS = (f"{name}.shop.svc.cluster.local" for name in ("catalog", "inventory", "payments"))


async def test_a_sidecar_refuses_plaintext(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    reader, writer = await asyncio.open_connection(pod["status"]["podIP"], 50051)
    writer.write(HTTP2_PREFACE)
    try:
        answer = await asyncio.wait_for(reader.read(100), 5)
    except ConnectionResetError:
        answer = b""
    writer.close()
    assert answer == b""


async def test_a_sidecar_refuses_tls_without_a_client_certificate(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    trusting.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(pod["status"]["podIP"], 50051, ssl=trusting)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        await asyncio.wait_for(reader.read(100), 5)
    writer.close()


async def test_the_app_listens_on_no_port_but_its_management_port(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    (app,) = (p for p in mesh.processes("python", pod["metadata"]["uid"]) if "services.catalog" in p.cmdline())
    assert listening(app.net_connections("tcp")) == {(pod["status"]["podIP"], 8081)}


async def test_the_apps_port_belongs_to_its_sidecar(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    (envoy,) = mesh.processes("envoy", pod["metadata"]["uid"])
    assert (pod["status"]["podIP"], 50051) in listening(envoy.net_connections("tcp"))


async def test_orders_may_call_what_is_listed_for_it(mesh: Mesh) -> None:
    batch = "/shop.catalog.v1.CatalogService/BatchGetProducts"
    # An empty request is wrong, and told so by the app itself.
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


async def test_a_workload_that_no_policy_lists_is_denied(mesh: Mesh) -> None:
    async with mesh.applied(*policies.stranger()):
        await mesh.rolled_out()
        async for attempt in eventually(5):
            with attempt:
                status = await call_as(mesh, "stranger", CATALOG, "/shop.catalog.v1.CatalogService/BatchGetProducts")
                assert status == grpc.StatusCode.PERMISSION_DENIED
        status = await call_as(mesh, "stranger", PAYMENTS, "/shop.payments.v1.PaymentsService/CapturePayment")
        assert status == grpc.StatusCode.PERMISSION_DENIED


async def test_a_workload_reaches_nothing_that_its_sidecar_does_not_name(mesh: Mesh) -> None:
    async with mesh.applied(*policies.stranger()):
        await mesh.rolled_out()
        status = await call_as(mesh, "stranger", INVENTORY, "/shop.inventory.v1.InventoryService/GetStock")
        assert status not in {grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED}
