"""`mesh canary` refuses Deployments without their label, and changes nothing."""

import pytest

from tests.mesh.harness import MESH, Manifest, Mesh

SERVICE = "unlabelled"


def deployment(name: str, labels: dict[str, str]) -> Manifest:
    """Return a Deployment without Pods."""
    labels = {"app": name, **labels}
    container = {"name": "app", "image": "grpc-mesh/services:v1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({}, {"version": "v2"}, f"mesh: the Pods of {SERVICE} have no label version"),
        ({"version": "v1"}, {}, f"mesh: the Pods of {SERVICE}-v2 have no label version"),
        ({"version": "v1"}, {"version": "v3"}, f"mesh: the Pods of {SERVICE}-v2 have the label version: v3"),
    ],
)
async def test_a_version_without_its_label_is_refused(
    old: dict[str, str], new: dict[str, str], message: str, mesh: Mesh
) -> None:
    async with mesh.applied(deployment(SERVICE, old), deployment(f"{SERVICE}-v2", new)):
        run = await mesh.run(MESH, "canary", "-i", mesh.name, SERVICE, "v2")
        assert run.returncode == 2
        assert run.stderr.splitlines()[0] == message
        assert "Traceback" not in run.stderr
        routes = (await mesh.get("virtualservices", "-n", "shop"))["items"]
        assert [route for route in routes if route["metadata"]["name"].startswith(SERVICE)] == []
