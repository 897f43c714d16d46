"""What `mesh up` applies: Istio's manifests, and the services and policies with this instance's addresses."""

import hashlib
import json
import os
from pathlib import Path

import yaml

from mesh.local import files, tools, web
from mesh.local.clients.kubectl import Kubectl
from mesh.local.instance import REPOSITORY, Instance
from mesh.local.keys import gateway
from mesh.local.keys import prober as account
from mesh.local.pages import console_url

ISTIO_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}"
ISTIO_FILES = ("mesh/kubernetes/platform/istio.yaml", "mesh/local/platform/istio.yaml")
"""Relative to the checkout, because istioctl splits a path at a comma."""
PLATFORM = REPOSITORY / "mesh/local/platform"
"""What belongs to the cluster's owner, and not to the shop."""
OBSERVABILITY = PLATFORM / "observability"
"""What collects, stores and shows traces, metrics, logs and alerts, and the prober."""
TRACING = PLATFORM / "tracing"
"""What makes the proxies send spans."""
COMPONENT = REPOSITORY / "mesh/kubernetes/components/observability"
"""What apps need to send spans."""
PROBER = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: prober, namespace: observability}\n"


def istio(mesh: Instance) -> str:
    """Return the manifests of Istio for this instance, with what the node agent adds to the cluster.

    istioctl generates them once. The copy in the instance's folder is named by a digest of everything they depend on.
    """
    webhook = f"https://{mesh.node_ip}:15017"
    values = {"istiodRemote.injectionURL": f"{webhook}/inject", "base.validationURL": f"{webhook}/validate"}
    words = [f"--filename={file}" for file in ISTIO_FILES]
    words += [f"--set=values.{key}={value}" for key, value in values.items()]
    sources = [tools.bin_dir().name, *words, *((REPOSITORY / file).read_text() for file in ISTIO_FILES)]
    saved = mesh.home / f"istio-{hashlib.sha256(str(sources).encode()).hexdigest()[:16]}.yaml"
    if not saved.exists():
        command = [str(tools.bin_dir() / "istioctl"), "manifest", "generate", *words]
        # Renamed when it is complete: half a manifest would be used forever.
        files.replace(saved, tools.run(command, env=Kubectl.of(mesh).environment, folder=REPOSITORY))
    sidecars, metrics = ((PLATFORM / name).read_text() for name in ("sidecars.yaml", "metrics.yaml"))
    metrics = metrics.replace("$(NODE_IP)", mesh.node_ip)
    return f"{ISTIO_NAMESPACE}\n---\n{sidecars}\n---\n{metrics}\n---\n{saved.read_text()}"


def observability(mesh: Instance, *, prober: bool) -> Path:
    """Write the kustomization of this instance's observability, and return its folder."""
    folder = mesh.home / "observability"
    folder.mkdir(exist_ok=True)
    resources, patches = [os.path.relpath(each, folder) for each in (OBSERVABILITY, TRACING)], []
    if prober:
        resources.append(_secret(folder / "prober.yaml", account.secret(mesh)))
    else:
        patches.append({"patch": f"{PROBER}$patch: delete\n"})
    kustomization = {"resources": resources, "patches": patches}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def overlay(mesh: Instance, *, traces: bool) -> Path:
    """Write the kustomization of this instance, and return its folder. With `traces`, apps and proxies send spans.

    It is the local overlay, with the gateway on this instance's address and with its certificate. The storefront's Pods
    name their build, so that another build is rolled out, and link to the console.
    """
    folder = mesh.home / "overlay"
    folder.mkdir(exist_ok=True)
    patch: list[dict[str, object]] = []
    for index, address in enumerate((mesh.gateway, mesh.tls_gateway)):
        host, _, port = address.rpartition(":")
        patch.append({"op": "add", "path": f"/spec/servers/{index}/bind", "value": host})
        patch.append({"op": "replace", "path": f"/spec/servers/{index}/port/number", "value": int(port)})
    storefront = [
        {
            "op": "add",
            "path": f"/spec/template/metadata/annotations/{web.ANNOTATION.replace('/', '~1')}",
            "value": web.folder().name,
        },
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/env/-",
            "value": {"name": "STOREFRONT_CONSOLE_URL", "value": console_url(mesh)},
        },
    ]
    base = os.path.relpath(REPOSITORY / "mesh/kubernetes/overlays/local", folder)
    resources = [base, _secret(folder / "certificate.yaml", gateway.secret(mesh))]
    kustomization = {
        "resources": resources,
        "components": [os.path.relpath(COMPONENT, folder)] if traces else [],
        "patches": [
            {"target": {"kind": "Gateway"}, "patch": json.dumps(patch)},
            {"target": {"kind": "Deployment", "name": "storefront"}, "patch": json.dumps(storefront)},
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def _secret(path: Path, secret: dict[str, object]) -> str:
    """Write a Secret that only its owner can read, and return the name of the file."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(secret))
    return path.name
