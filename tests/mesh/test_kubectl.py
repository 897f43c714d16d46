"""kubectl works with the mesh as with any cluster."""

import json
import uuid

import grpc

from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import SERVICES, Mesh, dial
from tests.support.clock import eventually


async def test_every_container_of_every_pod_is_ready(mesh: Mesh) -> None:
    # `mesh up` does not wait for the Pods of observability.
    async for attempt in eventually(90):
        with attempt:
            # Without the Pods of the operator's Jobs, which have ended.
            pods = (await mesh.get("pods", "-A", "-l", "!batch.kubernetes.io/job-name"))["items"]
            for pod in pods:
                status = pod["status"]
                containers = [*status["containerStatuses"], *status.get("initContainerStatuses", [])]
                assert all(each["ready"] for each in containers), pod["metadata"]["name"]
    names = {pod["metadata"]["name"] for pod in pods}
    for component in ("etcd", "kube-apiserver", "istiod", "kafka", "shop-gateway", *SERVICES):
        assert any(name.startswith(component) for name in names), component


async def test_every_service_runs_beside_a_sidecar(mesh: Mesh) -> None:
    for app in SERVICES:
        pod = await mesh.pod(app)
        containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
        assert {container["name"] for container in containers} == {"app", "istio-proxy"}


async def test_logs_shows_what_the_app_wrote(mesh: Mesh) -> None:
    lines = (await mesh.kubectl("logs", "-n", "shop", "deployment/catalog")).splitlines()
    assert lines
    assert all("message" in json.loads(line) for line in lines)


async def test_logs_shows_the_calls_that_a_sidecar_saw(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    user_agent = f"test/{uuid.uuid4()}"
    async with dial(mesh.gateway, user_agent=user_agent) as channel:
        assert await status_of(Shop(channel).get_product()) == grpc.StatusCode.OK
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            lines = await mesh.access_log(pod["metadata"]["name"], user_agent)
            assert [line["path"] for line in lines] == ["/shop.catalog.v1.CatalogService/GetProduct"]


async def test_describe_shows_the_events_of_a_pod(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    described = await mesh.kubectl("describe", "pod", "-n", "shop", pod["metadata"]["name"])
    assert "Started" in described
