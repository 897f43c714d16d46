"""Volumes from the API: ConfigMaps, Secrets, tokens, the downward API; and emptyDir, hostPath, and what is refused."""

import json
import shutil
import uuid
from pathlib import Path

import pytest

from mesh.local import web
from mesh.local.terminal import error_console
from tests.mesh.harness import Manifest
from tests.mesh.node.cases import Case, each
from tests.mesh.node.pods import Node, config_map, container, pod, secret
from tests.support.checkout import ROOT
from tests.support.clock import eventually


def mounted(name: str, script: str, volume: Manifest, log: str | None = None, **fields: object) -> Case:
    """Return a case whose container sees a volume in the folder `v`."""
    mount = {"name": "v", "mountPath": "/v"} | fields.pop("mount", {})  # type: ignore[operator]
    return Case(
        name,
        [container(script, volumeMounts=[mount])],
        log=log,
        spec={"volumes": [{"name": "v", **volume}]},
        **fields,  # type: ignore[arg-type]
    )


DATA = {"a": "one", "b.c": "two"}
MODES = "stat -L -c %a v/*"

CASES = [
    mounted(
        "config-map",
        f"cat v/a v/b.c; echo; {MODES}",
        {"configMap": {"name": "volume-map"}},
        "onetwo\n644\n644",
        objects=[config_map("volume-map", DATA)],
    ),
    mounted(
        "config-map-binary-data",
        "od -An -tx1 v/raw",
        {"configMap": {"name": "volume-binary"}},
        " 00 01 02 ff",
        objects=[config_map("volume-binary", binaryData={"raw": "AAEC/w=="})],
    ),
    mounted(
        "config-map-items-and-modes",
        "cat v/x/y; echo; stat -L -c %a v/x/y v/z; ls v",
        {
            "configMap": {
                "name": "volume-items",
                "defaultMode": 0o440,
                "items": [{"key": "a", "path": "x/y", "mode": 0o400}, {"key": "b.c", "path": "z"}],
            }
        },
        "one\n400\n440\nx\nz",
        objects=[config_map("volume-items", DATA)],
    ),
    mounted(
        "config-map-missing",
        "true",
        {"configMap": {"name": "missing"}},
        phase="Pending",
        state="ContainerCreating",
        event="configmaps missing not found",
    ),
    mounted(
        "config-map-missing-key",
        "true",
        {"configMap": {"name": "volume-keys", "items": [{"key": "none", "path": "x"}]}},
        phase="Pending",
        event="has no key none",
        objects=[config_map("volume-keys", DATA)],
    ),
    mounted("config-map-optional", "ls v", {"configMap": {"name": "missing", "optional": True}}, ""),
    mounted(
        "config-map-optional-key",
        "ls v",
        {"configMap": {"name": "volume-none", "optional": True, "items": [{"key": "none", "path": "x"}]}},
        "",
        objects=[config_map("volume-none", DATA)],
    ),
    mounted(
        "secret-modes",
        f"cat v/a; echo; {MODES}",
        {"secret": {"secretName": "volume-secret", "defaultMode": 0o400}},
        "one\n400\n400",
        objects=[secret("volume-secret", DATA)],
    ),
    mounted(
        "projected",
        "cat v/map/a v/secret v/name; cut -c1-3 v/token; stat -L -c %a v/token",
        {
            "projected": {
                "sources": [
                    {"configMap": {"name": "projected-map", "items": [{"key": "a", "path": "map/a"}]}},
                    {"secret": {"name": "projected-secret", "items": [{"key": "b.c", "path": "secret"}]}},
                    {
                        "downwardAPI": {
                            "items": [
                                {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                            ]
                        }
                    },
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "me"}},
                ],
            }
        },
        "onetwoprojectedeyJ\n644",
        objects=[config_map("projected-map", DATA), secret("projected-secret", DATA)],
    ),
    mounted(
        "downward-api-resources",
        "cat v/cpu; echo; stat -L -c %a v/cpu",
        {
            "downwardAPI": {
                "defaultMode": 0o400,
                "items": [{"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "requests.cpu"}}],
            }
        },
        "2\n400",
    ),
    mounted("empty-dir-is-shared", "echo x > v/f; cat v/f; stat -c %a v/", {"emptyDir": {}}, "x\n777"),
    mounted(
        "empty-dir-in-memory", "echo x > v/f; cat v/f", {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, "x"
    ),
    mounted(
        "host-path-directory-missing",
        "true",
        {"hostPath": {"path": "/none", "type": "Directory"}},
        phase="Pending",
        event="hostPath /none",
    ),
    mounted("host-path-file", "echo x > v; cat v", {"hostPath": {"path": "/var/f", "type": "FileOrCreate"}}, "x"),
    mounted(
        "sub-path",
        "cat v",
        {"configMap": {"name": "sub-path"}},
        "one",
        mount={"subPath": "a"},
        objects=[config_map("sub-path", DATA)],
    ),
    Case(
        "sub-path-expression",
        [
            container(
                "touch v/f; ls all",
                env=[{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                volumeMounts=[
                    {"name": "v", "mountPath": "/v", "subPathExpr": "of-$(NAME)"},
                    {"name": "v", "mountPath": "/all"},
                ],
            )
        ],
        log="of-sub-path-expression",
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
    mounted(
        "volume-of-unsupported-kind",
        "true",
        {"nfs": {"server": "x", "path": "/"}},
        phase="Pending",
        event="nfs volumes do not exist on this node",
    ),
    mounted(
        "volume-claim",
        "true",
        {"persistentVolumeClaim": {"claimName": "claim"}},
        phase="Pending",
        event='persistentvolumeclaim "claim" not found',
    ),
    mounted(
        "volume-of-an-image",
        "ls v | sort | head -1; cut -c-18 v/policy.txt",
        {"image": {"reference": "registry.example.com/grpc-mesh/web-shell:v1", "pullPolicy": "Never"}},
        "assets\ndefault-src 'none'",
    ),
    mounted(
        "volume-of-an-unknown-image",
        "true",
        {"image": {"reference": "nginx:1", "pullPolicy": "Never"}},
        phase="Pending",
        event="no part of the storefront stands for the image nginx:1",
    ),
    mounted(
        "volume-of-an-image-that-is-not-built",
        "true",
        {"image": {"reference": "grpc-mesh/web-catalog:none", "pullPolicy": "Never"}},
        phase="Pending",
        event="web-catalog:none is not built: run `mesh web --part catalog:none`",
    ),
    mounted(
        "volume-of-an-image-with-no-valid-tag",
        "true",
        {"image": {"reference": "grpc-mesh/web-catalog:..", "pullPolicy": "Never"}},
        phase="Pending",
        event="no part of the storefront stands for the image grpc-mesh/web-catalog:..",
    ),
    Case(
        "reserved-path",
        [container("true", volumeMounts=[{"name": "v", "mountPath": "/logs/x"}])],
        phase="Pending",
        event="mountPath /logs/x: the agent uses this folder of the Pod",
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
    Case(
        "two-volumes-at-one-path",
        [
            container("true", volumeMounts=[{"name": "a", "mountPath": "/v"}]),
            container("true", name="other", volumeMounts=[{"name": "b", "mountPath": "/v"}]),
        ],
        phase="Pending",
        event="/v is mounted twice",
        spec={"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]},
    ),
]


@pytest.mark.usefixtures("started")
@each(CASES)
async def test_volumes(node: Node, case: Case) -> None:
    await case.check(node)


async def test_the_tag_of_an_image_is_the_part_that_was_built_last_with_it(node: Node, tmp_path: Path) -> None:
    volumes = [{"name": "v", "image": {"reference": "grpc-mesh/web-inventory:test"}}]
    script = "cat v/part.json; sleep 300"
    for version in ("one", "two"):
        sources = tmp_path / version
        shutil.copytree(ROOT / "services/inventory/web", sources)
        manifest = json.loads((sources / "part.json").read_text())
        (sources / "part.json").write_text(json.dumps(manifest | {"slots": [version]}))
        web.build_part("inventory", "test", sources, error_console)
        mounts = [{"name": "v", "mountPath": "/v"}]
        await node.apply(pod(f"part-{version}", container(script, volumeMounts=mounts), volumes=volumes))
        await node.wait_for_log(f"part-{version}", f'"slots":["{version}"]')


WATCHED = "while :; do cat v/* 2>/dev/null | tr -d '\\n'; echo; sleep 0.1; done"


def watcher(name: str, volume: Manifest, **mount: str) -> Manifest:
    """Return a Pod that prints the files of a volume again and again."""
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    return pod(name, container(WATCHED, volumeMounts=mounts), volumes=[{"name": "v", **volume}])


async def refresh(node: Node, name: str) -> None:
    """Change an annotation of a Pod, which makes a kubelet update its volumes at once."""
    await node.kubectl("annotate", "--overwrite", "pod", name, f"changed={uuid.uuid4()}")


async def wait_for_line(node: Node, name: str, line: str) -> None:
    """Wait until the newest line of a Pod's log is this one."""
    async for attempt in eventually(30, every=0.2):
        with attempt:
            assert (await node.log(name, tail_lines=1)).rstrip("\n") == line


@pytest.mark.parametrize(
    "kind", ["configMap", *(pytest.param(kind, marks=pytest.mark.prove) for kind in ("secret", "projected"))]
)
async def test_a_volume_follows_its_object(node: Node, kind: str) -> None:
    name = f"follows-{kind.lower()}"
    make = secret if kind == "secret" else config_map
    source: Manifest = {"secretName": name} if kind == "secret" else {"name": name}
    if kind == "projected":
        source = {"sources": [{"configMap": source | {"optional": True}}]}
    else:
        source["optional"] = True
    await node.apply(watcher(name, {kind: source}))
    await wait_for_line(node, name, "")
    await node.apply(make(name, {"a": "1", "b": "2"}))
    await refresh(node, name)
    await wait_for_line(node, name, "12")
    changed = {"a": "3"}
    await node.kubectl("delete", "secret" if kind == "secret" else "configmap", name)
    await node.apply(make(name, changed))
    await refresh(node, name)
    await wait_for_line(node, name, "3")
    await node.kubectl("delete", "secret" if kind == "secret" else "configmap", name)
    await refresh(node, name)
    await wait_for_line(node, name, "")


async def test_an_update_is_one_swap_of_a_symbolic_link(node: Node) -> None:
    """A reader that sees one new file sees all of them. Programs that watch their configuration rely on it."""
    script = "while :; do echo $(readlink v/a) $(readlink v/..data | cut -c1-4); sleep .1; done"
    await node.apply(config_map("swap", {"a": "1", "b": "1"}))
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "configMap": {"name": "swap"}}]
    await node.apply(pod("swap", container(script, volumeMounts=mounts), volumes=volumes))
    log = await node.wait_for_log("swap", "..data/a")
    assert log.splitlines()[0].startswith("..data/a ..20"), log


async def test_a_sub_path_is_never_updated(node: Node) -> None:
    await node.apply(config_map("sub", {"a": "1"}))
    script = "while :; do echo $(cat v) $(cat all/a); sleep 0.1; done"
    mounts = [{"name": "v", "mountPath": "/v", "subPath": "a"}, {"name": "v", "mountPath": "/all"}]
    volumes = [{"name": "v", "configMap": {"name": "sub"}}]
    await node.apply(pod("sub", container(script, volumeMounts=mounts), volumes=volumes))
    await wait_for_line(node, "sub", "1 1")
    await node.apply(config_map("sub", {"a": "2"}))
    await refresh(node, "sub")
    await wait_for_line(node, "sub", "1 2")


async def test_a_deleted_config_map_leaves_its_files_and_an_event(node: Node) -> None:
    await node.apply(config_map("kept", {"a": "1"}), watcher("kept", {"configMap": {"name": "kept"}}))
    await wait_for_line(node, "kept", "1")
    await node.kubectl("delete", "configmap", "kept")
    await refresh(node, "kept")
    await node.wait_for_event("kept", "configmaps kept not found")
    await wait_for_line(node, "kept", "1")


async def test_an_immutable_config_map_cannot_change(node: Node) -> None:
    await node.apply(config_map("fixed", {"a": "1"}, immutable=True))
    assert "immutable" in await node.fails("patch", "configmap", "fixed", "-p", '{"data": {"a": "2"}}')


async def test_labels_and_annotations_follow_the_pod(node: Node) -> None:
    items = [{"path": "color", "fieldRef": {"fieldPath": "metadata.labels['color']"}}]
    await node.apply(watcher("relabelled", {"downwardAPI": {"items": items}}))
    await node.wait("relabelled", "Running")
    await node.kubectl("label", "pod", "relabelled", "color=blue")
    await wait_for_line(node, "relabelled", "blue")


@pytest.mark.prove
async def test_a_pod_whose_empty_dir_is_too_large_is_evicted(node: Node) -> None:
    volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
    script = "head -c 3000000 /dev/zero > v/big; exec sleep 300"
    await node.apply(
        pod("evicted", container(script, volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes)
    )
    evicted = await node.wait("evicted", "Failed")
    assert evicted["status"]["reason"] == "Evicted"
    assert 'Usage of EmptyDir volume "v" exceeds the limit "1Mi"' in evicted["status"]["message"]
