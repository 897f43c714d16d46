"""From a plugin's request to its files: read, check, write."""

from collections.abc import Iterable, Iterator

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tools.protoc_gen_istio import contracts, declarations
from tools.protoc_gen_istio.authorization import gateway_policy, open_path, service_policy
from tools.protoc_gen_istio.checks import faults
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.destinations import destination_rule, sidecar, tier
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.openapi import FILE, PATH, document, served
from tools.protoc_gen_istio.routes import virtual_service
from tools.protoc_gen_istio.settings import Settings
from tools.protoc_gen_istio.tables import readme
from tools.protoc_gen_istio.transcoding import transcoding

GENERATED = "# Written by protoc-gen-istio (`make generate`), and never edited."


class ContradictionError(Exception):
    """Contracts and declarations contradict each other, or themselves. The text has a line for each fault."""


def generate(request: CodeGeneratorRequest) -> dict[str, str]:
    """Answer the files, by their names; none for a request without services.

    Raises ParameterError, DeclarationError, ContradictionError.
    """
    settings = Settings.parse(request.parameter)
    found = contracts.read(request.proto_file, request.file_to_generate)
    if not found:
        return {}
    graph = Graph(found, declarations.load(settings.services))
    if wrong := faults(graph, contracts.messages(request.proto_file), settings):
        raise ContradictionError("\n".join(wrong))
    pages = {f"{declared.service}.yaml": _service(graph, declared, settings) for declared in graph.declarations}
    public = [method for method in graph.methods.values() if method.public]
    if public:
        pages["gateway.yaml"] = _page(
            "# The gateway: everything that may pass it.",
            [
                "# A call that is not here gets PERMISSION_DENIED, whether or not there is such a method: outsiders",
                "# learn nothing of what stands behind.",
            ],
            [gateway_policy(public, settings)],
        )
    if over_http := [method for method in public if method.http]:
        pages["transcoding.yaml"] = _page(
            "# The gateway: the public methods as JSON over HTTP, by the contracts' google.api.http rules.",
            [],
            [transcoding(over_http, request.proto_file, settings)],
        )
        told = document(over_http, request.proto_file, settings)
        pages["openapi.yaml"] = _page(
            f"# The gateway: {FILE}, to whoever asks for it.",
            [],
            [open_path("openapi", PATH, settings), served(told, settings)],
        )
    files = {name: page for name, page in sorted(pages.items()) if page}
    files["kustomization.yaml"] = "\n".join(_kustomization(files)) + "\n"
    if over_http:
        files[FILE] = told
    files["README.md"] = "\n".join(readme(graph)) + "\n"
    return files


def _service(graph: Graph, declared: Declaration, settings: Settings) -> str:
    served, methods = graph.served(declared), graph.own(declared)
    manifests: list[Iterable[str]] = [service_policy(graph, declared, settings), sidecar(graph, declared, settings)]
    name, told = declared.service, [f"# It calls: {', '.join(graph.callees(declared)) or 'nobody'}."]
    if methods:
        public = [method for method in methods if method.public]
        # A stream that nobody inside opens has no route here: istioctl would take its subset for a mistake.
        inside = [method for method in methods if not method.stream or graph.callers[method.name]]
        manifests.append(virtual_service(name, name, inside, settings, public=False))
        if public:
            manifests.append(virtual_service(f"{name}-public", name, public, settings, public=True))
        manifests.append(destination_rule(graph, declared, settings))
        owners = ", ".join(dict.fromkeys(contract.owner for contract in served if contract.owner))
        told.insert(0, f"# From {', '.join(dict.fromkeys(contract.file for contract in served))} and {declared.file}.")
        told.insert(1, f"# Tier {tier(served).name}{f', owned by {owners}' if owners else ''}.")
    return _page(f"# {name}: who may call it, how it is called, and whom it calls.", told, manifests)


def _page(title: str, told: Iterable[str], manifests: Iterable[Iterable[str]]) -> str:
    texts = ["\n".join(lines) for manifest in manifests if (lines := list(manifest))]
    return "\n".join([GENERATED, title, *told, "\n---\n".join(texts), ""]) if texts else ""


def _kustomization(names: Iterable[str]) -> Iterator[str]:
    yield GENERATED
    yield "apiVersion: kustomize.config.k8s.io/v1beta1"
    yield "kind: Kustomization"
    yield "labels:"
    yield "  - pairs:"
    yield "      app.kubernetes.io/managed-by: protoc-gen-istio"
    yield "resources:"
    yield from (f"  - {name}" for name in names)
