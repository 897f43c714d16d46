"""What is generated from the contracts is what the mesh does."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.mesh.harness import ROOT, Mesh

CONTRACTS = str(ROOT / "mesh/istio/contracts")


async def difference(mesh: Mesh) -> str:
    """Answer how the running mesh differs from what is generated."""
    run = await mesh.run("kubectl", "diff", "--server-side", "--force-conflicts", "-k", CONTRACTS)
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout


def asked(mesh: Mesh, path: str) -> tuple[int, Any]:
    """GET a path of the gateway as JSON; answer the status and the body."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{mesh.gateway}{path}", timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else body.decode()


async def test_the_running_mesh_has_what_is_generated(mesh: Mesh) -> None:
    assert await difference(mesh) == ""


async def test_an_edit_of_the_running_mesh_shows(mesh: Mesh) -> None:
    edit = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "9s"}])
    undo = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "2s"}])
    words = ["patch", "virtualservice", "payments", "-n", "shop", "--type=json", "-p"]
    await mesh.kubectl(*words, edit)
    try:
        assert "timeout: 9s" in await difference(mesh)
    finally:
        await mesh.kubectl(*words, undo)
    assert await difference(mesh) == ""


async def test_public_methods_answer_json_over_http(mesh: Mesh) -> None:
    code, body = asked(mesh, "/v1/products/p-0001")
    assert (code, body["product"]["name"]) == (200, "products/p-0001")
    code, body = asked(mesh, "/v1/products?page_size=2")
    assert (code, len(body["products"])) == (200, 2)


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("/v1/products/p-9999", 404, {"code": 5}),
        ("/v1/products?page_size=-1", 400, {"code": 3}),
        ("/v1/products?page_sise=1", 400, ""),
        ("/v1/payments/1", 403, "RBAC: access denied"),
        ("/v1/orders?customer=customers/ada", 403, "RBAC: access denied"),
    ],
    ids=["not found", "invalid", "an unknown parameter", "not public", "not signed in"],
)
async def test_json_is_refused_as_grpc_is(mesh: Mesh, path: str, code: int, told: object) -> None:
    status, body = asked(mesh, path)
    assert status == code
    if isinstance(told, dict):
        assert told.items() <= body.items(), body
        assert "ErrorInfo" in json.dumps(body)
    else:
        assert str(told) in str(body)
