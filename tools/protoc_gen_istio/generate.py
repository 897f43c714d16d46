"""Generates the files for a plugin request: reads, checks, writes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tools.protoc_gen_istio import contracts, declarations
from tools.protoc_gen_istio.authorization import gateway_policy, open_path, service_policy
from tools.protoc_gen_istio.checks import faults
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.destinations import destination_rule, tier
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, Page, page, plain
from tools.protoc_gen_istio.metrics import metrics
from tools.protoc_gen_istio.network import gateway_network, service_network
from tools.protoc_gen_istio.openapi import FILE, PATH, document
from tools.protoc_gen_istio.openapi_route import served
from tools.protoc_gen_istio.rate_limits import rate_limits
from tools.protoc_gen_istio.routes import virtual_service
from tools.protoc_gen_istio.settings import Settings
from tools.protoc_gen_istio.sidecars import sidecar
from tools.protoc_gen_istio.tables import readme
from tools.protoc_gen_istio.transcoding import transcoding


class ContradictionError(Exception):
    """Contracts and declarations contradict each other or themselves. The text has one line for each fault."""


class HasServices(Protocol):
    """Settings with the folder of the declarations."""

    @property
    def services(self) -> Path:
        """The folder."""


def generate(request: CodeGeneratorRequest, root: Path = Path()) -> dict[str, str]:
    """Return the content of the files by name; none for a request without services.

    The parameter `services` is a folder below `root`. Raises ParameterError, DeclarationError, ContradictionError.
    """
    pages, others = _pages(request, root)
    if not pages:
        return {}
    files = {name: each for name, each in sorted(pages.items()) if each.manifests}
    files["kustomization.yaml"] = page([], [_kustomization([*files])])
    return {name: each.text() for name, each in files.items()} | others


def manifests(request: CodeGeneratorRequest, root: Path) -> list[Manifest]:
    """Return the manifests of all files as plain objects. Raise as generate does."""
    return [plain(manifest) for each in _pages(request, root)[0].values() for manifest in each.manifests]


def read(request: CodeGeneratorRequest, settings: HasServices, root: Path) -> tuple[Graph, Elements]:
    """Return the contracts of a request with the declarations below `root`. Raise as generate does."""
    try:
        services = contracts.read(request.proto_file, request.file_to_generate)
    except contracts.ContractError as error:
        raise ContradictionError(str(error)) from error
    declared = declarations.load(root / settings.services) if services else []
    return Graph(services, declared), Elements.of(request.proto_file)


def _pages(request: CodeGeneratorRequest, root: Path) -> tuple[dict[str, Page], dict[str, str]]:
    """Return the files with manifests, and the content of the other files."""
    settings = Settings.parse(request.parameter)
    graph, elements = read(request, settings, root)
    if not graph.contracts:
        return {}, {}
    if lines := faults(graph, elements, settings):
        raise ContradictionError("\n".join(lines))
    pages = {f"{declared.service}.yaml": _service(graph, declared, settings) for declared in graph.declarations}
    public = [method for method in graph.methods.values() if method.public]
    if public:
        pages["gateway.yaml"] = page(
            [
                "The gateway: which calls it allows, and which services it calls.",
                "Any other call gets PERMISSION_DENIED, whether or not the method exists, so that callers outside",
                "cannot find out which methods there are.",
            ],
            [gateway_policy(public, settings), gateway_network(_servers(graph), settings)],
        )
    pages["metrics.yaml"] = page(
        ["Metrics: every proxy counts the calls of these methods by method, and no others."],
        metrics([*graph.methods.values()], settings),
    )
    if limited := [method for method in public if method.calls_per_minute]:
        pages["rate-limits.yaml"] = page(
            [
                "The gateway: how often one caller may call expensive methods, from calls_per_minute in the contracts.",
                "Each gateway Pod counts separately.",
            ],
            [rate_limits(limited, settings)],
        )
    if over_http := [method for method in public if method.http]:
        pages["transcoding.yaml"] = page(
            ["The gateway: the public methods as JSON over HTTP, from the google.api.http rules in the contracts."],
            [transcoding(over_http, request.proto_file, settings)],
        )
        openapi = document(over_http, request.proto_file, settings)
        pages["openapi.yaml"] = page(
            [f"The gateway: serves {FILE} to any caller."],
            [open_path("openapi", PATH, settings), served(openapi, settings)],
        )
    others = {FILE: openapi} if over_http else {}
    return pages, others | {"README.md": "\n".join(readme(graph)) + "\n"}


def _service(graph: Graph, declared: Declaration, settings: Settings) -> Page:
    name, served, methods = declared.service, graph.served(declared), graph.own(declared)
    manifests = [service_policy(graph, declared, settings), sidecar(graph, declared, settings)]
    comments = [f"{name}: its callers, the routes and limits of its methods, and the services that it calls."]
    if methods:
        public = [method for method in methods if method.public]
        # A stream without callers inside gets no route here: istioctl would report its subset as an error.
        inside = [method for method in methods if not method.stream or graph.callers[method.name]]
        manifests.append(virtual_service(name, name, inside, settings, public=False))
        if public:
            manifests.append(virtual_service(f"{name}-public", name, public, settings, public=True))
        manifests.append(destination_rule(graph, declared, settings))
        sources = ", ".join(dict.fromkeys(contract.file for contract in served))
        owners = ", ".join(dict.fromkeys(contract.owner for contract in served if contract.owner))
        comments.append(f"From {sources} and {declared.file}.")
        comments.append(f"Tier {tier(served).name}{f', owned by {owners}' if owners else ''}.")
    comments.append(f"It calls: {', '.join(graph.callees(declared)) or 'no service'}.")
    manifests.append(service_network(graph, declared, settings))
    return page(comments, manifests)


def _servers(graph: Graph) -> list[str]:
    """Return the services with public methods."""
    return [each.service for each in graph.declarations if any(method.public for method in graph.own(each))]


def _kustomization(names: Iterable[str]) -> Manifest:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "labels": [{"pairs": {"app.kubernetes.io/managed-by": "protoc-gen-istio"}}],
        "resources": [*names],
    }
