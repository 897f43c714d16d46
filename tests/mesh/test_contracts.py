"""The running mesh has the policies that are generated from the contracts."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.mesh.harness import Mesh

# The overlay raises some limits of the contracts.
GENERATED = ["-k", "mesh/kubernetes/overlays/local", "-l", "app.kubernetes.io/managed-by=protoc-gen-istio"]


async def difference(mesh: Mesh) -> str:
    """Return the differences between the running mesh and the generated policies."""
    run = await mesh.run("kubectl", "diff", "--server-side", "--force-conflicts", *GENERATED)
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout


def get_json(mesh: Mesh, path: str) -> tuple[int, Any]:
    """Send GET for a path to the gateway. Return the status and the body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{mesh.gateway}{path}", timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else body.decode()


async def test_the_running_mesh_has_the_generated_policies(mesh: Mesh) -> None:
    assert await difference(mesh) == ""


async def test_an_edit_in_the_running_mesh_is_found(mesh: Mesh) -> None:
    edit = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "9s"}])
    undo = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "2s"}])
    words = ["patch", "virtualservice", "payments", "-n", "shop", "--type=json", "-p"]
    await mesh.kubectl(*words, edit)
    try:
        assert "timeout: 9s" in await difference(mesh)
    finally:
        await mesh.kubectl(*words, undo)
    assert await difference(mesh) == ""


async def test_public_methods_work_as_json_over_http(mesh: Mesh) -> None:
    code, body = get_json(mesh, "/v1/products/p-0001")
    assert (code, body["product"]["name"]) == (200, "products/p-0001")
    code, body = get_json(mesh, "/v1/products?page_size=2")
    assert (code, len(body["products"])) == (200, 2)


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("/v1/products/p-9999", 404, {"code": 5}),
        ("/v1/products?page_size=-1", 400, {"code": 3}),
        ("/v1/products?page_sise=1", 400, ""),
        ("/v1/payments/1", 403, "RBAC: access denied"),
        ("/v1/orders?customer=customers/ada", 403, "RBAC: access denied"),
    ],
    ids=["not found", "invalid", "an unknown parameter", "not public", "no token"],
)
async def test_json_is_refused_like_grpc(mesh: Mesh, path: str, code: int, expected: object) -> None:
    status, body = get_json(mesh, path)
    assert status == code
    if isinstance(expected, dict):
        assert expected.items() <= body.items(), body
        assert "ErrorInfo" in json.dumps(body)
    else:
        assert str(expected) in str(body)
