"""The production overlay as a cluster gets it: with sidecars, checked by kubeconform, kube-score and the API server."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.local.tools import bin_dir, go_toolchain
from tests.mesh.harness import Mesh
from tests.mesh.schemas import LOCATION, write_api_schemas, write_crd_schemas
from tests.support.checkout import ROOT

KUBERNETES = ROOT / "mesh/kubernetes"
EXCEPTIONS = Path(__file__).with_name("production_exceptions.yaml")
MAX_GRADE = 10
"""kube-score's grade for "nothing found"."""
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "v1.33",
}
NAMESPACE, ACCOUNT = "restricted-pods", "any"
OLDEST, OLDEST_SUM = "istio.io/api@v1.30.8", "h1:/weRNO9YbJsKqFibiGCjXG1i+UwNhJb3vts6ChGR554="
Manifest = dict[str, Any]


def with_component(component: str, folder: Path) -> Path:
    """Write an overlay of the production overlay and a component, and return its folder."""
    # kustomize accepts only relative paths.
    root = "/".join([".."] * len(folder.resolve().parts[1:])) + str(KUBERNETES)
    resources, components = [f"{root}/overlays/production"], [f"{root}/components/{component}"]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": resources, "components": components}))
    return folder


async def with_sidecars(mesh: Mesh, manifests: str, folder: Path, *, cni: bool = True) -> list[Manifest]:
    """Return the manifests with the sidecars that mesh/kubernetes/platform/istio.yaml makes Istio inject."""
    flags = ["-f", "mesh/kubernetes/platform/istio.yaml", f"--set=components.cni.enabled={str(cni).lower()}"]
    run = await mesh.run("istioctl", "manifest", "generate", *flags)
    assert run.returncode == 0, run.stderr
    configs = {each["metadata"]["name"]: each["data"] for each in parse(run.stdout) if each["kind"] == "ConfigMap"}
    parts = {
        "injectConfigFile": configs["istio-sidecar-injector"]["config"],
        "valuesFile": configs["istio-sidecar-injector"]["values"],
        "meshConfigFile": configs["istio"]["mesh"],
        "filename": manifests,
    }
    for name, text in parts.items():
        (folder / name).write_text(text)
    # kube-inject reads this setting of istiod from its own environment. Of a CronJob it does not see the annotation.
    words = ["env", "ENABLE_NATIVE_SIDECARS=true", "istioctl", "kube-inject"]
    run = await mesh.run(*words, *(f"--{name}={folder / name}" for name in parts))
    assert run.returncode == 0, run.stderr
    return parse(run.stdout)


def parse(text: str) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(text) if each]


def templates(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the Pod template of each workload by its name."""
    found = {}
    for each in manifests:
        if each["kind"] == "Deployment":
            found[each["metadata"]["name"]] = each["spec"]["template"]
        elif each["kind"] == "CronJob":
            found[each["metadata"]["name"]] = each["spec"]["jobTemplate"]["spec"]["template"]
    return found


@pytest.fixture(scope="module")
def overlay(running: Mesh) -> str:
    return asyncio.run(running.kustomize(KUBERNETES / "overlays/production"))


@pytest.fixture(scope="module")
def injected(running: Mesh, overlay: str, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """Return the production overlay with sidecars. Tests must not change it."""
    return asyncio.run(with_sidecars(running, overlay, tmp_path_factory.mktemp("injected")))


async def conform(mesh: Mesh, schemas: Path, manifests: list[Manifest]) -> str:
    """Return the output of kubeconform."""
    words = ["-strict", "-summary", "-schema-location", str(schemas / LOCATION), "-"]
    return (await mesh.run(str(bin_dir() / "kubeconform"), *words, stdin=yaml.safe_dump_all(manifests))).stdout


async def test_kubeconform_finds_only_valid_manifests(mesh: Mesh, injected: list[Manifest], tmp_path: Path) -> None:
    manifests = parse(await mesh.kustomize(KUBERNETES / "platform")) + injected
    document = json.loads(await mesh.kubectl("get", "--raw", "/openapi/v2"))
    write_api_schemas(document, {each["kind"] for each in manifests}, tmp_path)
    output = await conform(mesh, tmp_path, manifests)
    assert f"Valid: {len(manifests)}, Invalid: 0, Errors: 0, Skipped: 0" in output, output
    assert "Invalid: 1" in await conform(mesh, tmp_path, [injected[0] | {"unknown": 1}])


async def test_kube_score_finds_only_the_listed_exceptions(mesh: Mesh, injected: list[Manifest]) -> None:
    words = ["score", "--output-format", "json", "-"]
    run = await mesh.run(str(bin_dir() / "kube-score"), *words, stdin=yaml.safe_dump_all(injected))
    found = {
        (check["check"]["id"], comment["path"], comment["summary"]): each["object_name"]
        for each in json.loads(run.stdout)
        for check in each["checks"] or []
        if check["grade"] < MAX_GRADE and not check["skipped"]
        for comment in check["comments"]
    }
    listed = yaml.safe_load(EXCEPTIONS.read_text())
    assert all(each["reason"] for each in listed)
    assert found.keys() == {(each["check"], each["container"], each["finding"]) for each in listed}, found


def leaves(value: object, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path to each value with the value itself. Items of lists are known by their names, if they have any."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, *path, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, *path, str(item.get("name", "")) if isinstance(item, dict) else "")
    else:
        yield (*path, str(value))


@pytest.mark.parametrize(
    ("component", "removed"),
    [("autoscaling", {"replicas"}), ("database-ca", set[str]()), ("http-load-balancer", set[str]())],
)
async def test_a_component_adds_to_the_overlay_and_changes_nothing_else(
    mesh: Mesh, overlay: str, tmp_path: Path, component: str, removed: set[str]
) -> None:
    def found(manifests: str) -> set[tuple[str, ...]]:
        return {leaf for each in parse(manifests) for leaf in leaves(each, each["kind"], each["metadata"]["name"])}

    before, after = found(overlay), found(await mesh.kustomize(with_component(component, tmp_path)))
    assert after - before
    assert {path[-2] for path in before - after} == removed


@pytest.mark.prove
@pytest.mark.parametrize("component", ["autoscaling", "database-ca"])
async def test_the_api_server_accepts_each_component(mesh: Mesh, tmp_path: Path, component: str) -> None:
    manifests = await mesh.kustomize(with_component(component, tmp_path))
    words = ["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"]
    assert len((await mesh.kubectl(*words, stdin=manifests)).splitlines()) == manifests.count("\nkind: ")


@pytest.mark.prove
async def test_every_pod_complies_with_the_standard_that_its_namespace_enforces(
    mesh: Mesh, injected: list[Manifest], overlay: str, tmp_path: Path
) -> None:
    """With Istio's CNI plugin. Without it, a sidecar needs an init container that the standard forbids."""
    platform = parse(await mesh.kustomize(KUBERNETES / "platform"))
    labels = {each["metadata"]["name"]: each["metadata"]["labels"] for each in platform if each["kind"] == "Namespace"}
    assert set(labels) == {"shop", "shop-ingress"}
    assert all(RESTRICTED.items() <= each.items() for each in labels.values())
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    try:
        await mesh.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(namespace))
        await mesh.kubectl("create", "serviceaccount", ACCOUNT, "-n", NAMESPACE)
        names = set(templates(injected))
        assert await accepted(mesh, injected) == names
        without_cni = await with_sidecars(mesh, overlay, tmp_path, cni=False)
        assert await accepted(mesh, without_cni) == {"shop-gateway"}
    finally:
        await mesh.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


async def accepted(mesh: Mesh, manifests: list[Manifest]) -> set[str]:
    """Return the workloads whose Pods the API server accepts. It must refuse the others for their privileges."""
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": template["metadata"] | {"name": name, "namespace": NAMESPACE},
            "spec": template["spec"] | {"serviceAccountName": ACCOUNT},
        }
        for name, template in templates(manifests).items()
    ]
    words = ["create", "--dry-run=server", "-f", "-"]
    run = await mesh.run("kubectl", *words, stdin=yaml.safe_dump_all(pods))
    names = set(re.findall(r"^pod/(\S+) created", run.stdout, re.MULTILINE))
    refused = re.findall(r'pods "(\S+)" is forbidden: violates PodSecurity "restricted:v1.33"', run.stderr)
    assert names | set(refused) == {pod["metadata"]["name"] for pod in pods}, run.stderr
    return names


def test_the_app_starts_after_its_sidecar_and_is_labelled_with_its_release(injected: list[Manifest]) -> None:
    for name, template in templates(injected).items():
        if name == "shop-gateway":
            continue
        assert template["metadata"]["annotations"]["sidecar.istio.io/nativeSidecar"] == "true", name
        native = {each["name"]: each.get("restartPolicy") for each in template["spec"]["initContainers"]}
        assert native["istio-proxy"] == "Always", name
        [app] = template["spec"]["containers"]
        assert app["image"].rpartition(":")[2] == template["metadata"]["labels"]["version"], name


async def test_image_version_label_and_logs_of_a_running_service_name_one_release(mesh: Mesh) -> None:
    pod = await mesh.pod("catalog")
    version = pod["metadata"]["labels"]["version"]
    [image] = [each["image"] for each in pod["spec"]["containers"] if each["name"] == "app"]
    assert image.rpartition(":")[2] == version
    log = await mesh.kubectl("logs", "-n", "shop", pod["metadata"]["name"], "-c", "app")
    assert {json.loads(line)["version"] for line in log.splitlines() if line.startswith("{")} == {version}


@pytest.fixture
def oldest_crds(tmp_path: Path) -> list[Manifest]:
    """Return the CustomResourceDefinitions of the oldest supported Istio, from the Go module of its API."""
    go = shutil.which("go") or pytest.skip("needs Go on the PATH")
    command = [go, "mod", "download", "-json", OLDEST]
    environment = go_toolchain.environment()
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=300)
    module = json.loads(run.stdout)
    assert module["Sum"] == OLDEST_SUM
    return parse((Path(module["Dir"]) / "kubernetes/customresourcedefinitions.gen.yaml").read_text())


@pytest.mark.prove
@pytest.mark.parametrize("name", ["local", "production"])
async def test_the_oldest_supported_istio_knows_every_field(
    mesh: Mesh, tmp_path: Path, oldest_crds: list[Manifest], name: str
) -> None:
    kinds = write_crd_schemas(oldest_crds, tmp_path)
    everything = parse(await mesh.kustomize(KUBERNETES / "overlays" / name))
    manifests = [each for each in everything if each["kind"] in kinds]
    output = await conform(mesh, tmp_path, manifests)
    assert f"Valid: {len(manifests)}, Invalid: 0, Errors: 0, Skipped: 0" in output, output
