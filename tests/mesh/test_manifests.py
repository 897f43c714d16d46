"""Each overlay as a cluster would take it: by the API server's own rules, Istio's webhook, and istioctl's analysis."""

import pytest

from tests.mesh.harness import ROOT, Mesh

OVERLAYS = ["local", "production"]


async def rendered(mesh: Mesh, overlay: str) -> str:
    return await mesh.kubectl("kustomize", str(ROOT / "mesh/kubernetes/overlays" / overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_the_api_server_and_istio_accept_an_overlay(mesh: Mesh, overlay: str) -> None:
    manifests = await rendered(mesh, overlay)
    words = ["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"]
    answer = await mesh.kubectl(*words, stdin=manifests)
    assert len(answer.splitlines()) == manifests.count("\nkind: ")


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_istioctl_finds_nothing_in_an_overlay(mesh: Mesh, overlay: str) -> None:
    run = await mesh.run("istioctl", "analyze", "--use-kube=false", "-", stdin=await rendered(mesh, overlay))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No validation issues" in run.stdout + run.stderr


async def test_no_overlay_says_what_only_the_local_node_needs_but_the_local_one(mesh: Mesh) -> None:
    production = await rendered(mesh, "production")
    assert "hostPath" not in production
    assert "interceptionMode" not in production
    assert "127.0.0" not in production
