"""Contracts and manifests agree: every method has a route and a permission, and nothing else has.

Most of these manifests are generated (tests/contracts/test_generated.py refuses any edit). These laws check the
generator, and the manifests in mesh/istio/base that are written by hand.
"""

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor import MethodDescriptor

from tests.tidy.contracts import REFLECTION, is_public, is_repeatable, methods, service_of
from tests.tidy.manifests import (
    BASE,
    CONTRACTS,
    GATEWAY,
    POLICIES,
    WORKLOADS,
    Route,
    callees,
    manifests,
    parsed,
    permissions,
    routes,
)
from tests.tidy.tree import Tree

GATEWAY_ACCOUNT, SERVICE_ACCOUNT = "cluster.local/ns/istio-ingress/sa/ingressgateway", "cluster.local/ns/shop/sa/"
MAX_RETRIES = 2
HTTP_PATHS = ("/.well-known/jwks.json", "/openapi.json")
"""Paths that are no methods, and public: the keys that verify tokens, and the description of the HTTP API."""
SERVICE_PORTS = {("grpc", "grpc"), ("http-jwks", "http"), ("https", "https")}
GATEWAY_PORTS = {("grpc", "GRPC"), ("https", "HTTPS")}
Methods = Mapping[str, MethodDescriptor]


def routed(tree: Tree, contracts: Methods | None = None) -> Iterator[str]:
    """Yield the methods without a route, and the routes that do not fit their method."""
    known = methods() if contracts is None else contracts
    rows = [row for row in routes(tree) if row.host or row.path not in HTTP_PATHS]
    for path in sorted(known.keys() - {row.path for row in rows if row.host}):
        yield f"{path} has no route in a VirtualService: run `make generate`"
    for row in rows:
        if row.path not in known.keys() | REFLECTION:
            yield f"{row.name}: {row.path or 'a match of no exact path'} is no method"
        else:
            yield from (f"{row.name}: {row.path} {text}" for text in _route_violations(row, known.get(row.path)))


def _route_violations(row: Route, method: MethodDescriptor | None) -> Iterator[str]:
    service = service_of(row.path)
    is_endless = method is None or method.server_streaming
    if row.delegate and row.delegate != f"{service}-traffic":
        yield f"is delegated to {row.delegate}, which is not {service}'s"
    elif not row.delegate and row.host != f"{service}.shop.svc.cluster.local":
        yield f"is no method of {row.host}"
    if row.attempts is None:
        yield "has the default number of retries: state `attempts`"
    elif row.attempts and not (method and is_repeatable(method)):
        yield "is retried, but its contract declares neither NO_SIDE_EFFECTS nor IDEMPOTENT: `attempts: 0`"
    elif row.attempts > MAX_RETRIES:
        yield f"is retried {row.attempts} times: {MAX_RETRIES} at most"
    if (row.timeout is None) != is_endless:
        yield "is a stream, which has no `timeout`" if is_endless else "has no `timeout`"


def permitted(tree: Tree, contracts: Methods | None = None) -> Iterator[str]:
    """Yield the methods that no caller may call, and the permissions that are too wide."""
    known = methods() if contracts is None else contracts
    rows = [row for row in permissions(tree, "app") if row.path not in HTTP_PATHS]
    for path in sorted(known.keys() - {row.path for row in rows}):
        yield f"{path} is in no AuthorizationPolicy: list it in the service.yaml of its callers, or declare an audience"
    for row in rows:
        text = f"{row.file} lets {row.caller} call {row.path}"
        if row.path not in known.keys() | REFLECTION:
            yield f"{text}, which is no method"
        elif service_of(row.path) != row.app:
            yield f"{text}, which is no method of {row.app}"
        if row.caller != GATEWAY_ACCOUNT and not row.caller.startswith(SERVICE_ACCOUNT):
            yield f"{text}: name a ServiceAccount of the mesh"


def sidecars(tree: Tree) -> Iterator[str]:
    """Yield each pair of services where the AuthorizationPolicy of one and the Sidecar of the other disagree."""
    callers = (row for row in permissions(tree, "app") if row.caller.startswith(SERVICE_ACCOUNT))
    inbound = {(row.caller.removeprefix(SERVICE_ACCOUNT), row.app) for row in callers}
    outbound = callees(tree)
    for caller, callee in sorted(inbound - outbound):
        yield f"{callee} permits calls of {caller}, but the Sidecar of {caller} does not list {callee}"
    for caller, callee in sorted(outbound - inbound):
        yield f"the Sidecar of {caller} lists {callee}, whose AuthorizationPolicy does not permit {caller}"


def public(tree: Tree, contracts: Methods | None = None) -> Iterator[str]:
    """Yield the methods that are public by their contract and not at the gateway, or the other way round."""
    declared = {path for path, method in (contracts or methods()).items() if is_public(method)} | REFLECTION
    for place, paths in {
        "the gateway's AuthorizationPolicy": {row.path for row in permissions(tree, "istio")},
        f"the VirtualServices of {GATEWAY}": {row.path for row in routes(tree) if row.gateway},
        "the gateway's permissions": {row.path for row in permissions(tree, "app") if row.caller == GATEWAY_ACCOUNT},
    }.items():
        actual = paths - {*HTTP_PATHS}
        yield from (f"{path} is public by its contract, but not in {place}" for path in sorted(declared - actual))
        yield from (f"{path} is in {place}, but not public by its contract" for path in sorted(actual - declared))


def ports(tree: Tree) -> Iterator[str]:
    """Yield the ports whose protocol Istio would not detect. It reads the name; the cluster reads appProtocol."""
    for file, service in manifests(tree, WORKLOADS, kind="Service"):
        for port in service["spec"]["ports"]:
            if (port.get("name"), port.get("appProtocol")) not in SERVICE_PORTS:
                yield f"{file}: port {port['port']}: name and appProtocol are not grpc"
    for file, gateway in manifests(tree, *POLICIES, kind="Gateway"):
        for port in (server["port"] for server in gateway["spec"]["servers"]):
            if (port["name"], port["protocol"]) not in GATEWAY_PORTS:
                yield f"{file}: port {port['number']}: name and protocol are not grpc and GRPC"


def listed(tree: Tree) -> Iterator[str]:
    """Yield the services without workload or policies, and the manifests that no kustomization lists."""
    for service in tree.services():
        if service not in {file.stem for file in tree.under(*POLICIES, suffix=".yaml")}:
            yield f"{service} has no policies: run `make generate`, which reads services/{service}/service.yaml"
        if service not in {file.stem for file in tree.under(WORKLOADS, suffix=".yaml")}:
            yield f"{WORKLOADS}/{service}.yaml does not exist"
    for folder in (BASE, CONTRACTS, WORKLOADS):
        [kustomization] = parsed(tree.text(f"{folder}/kustomization.yaml"))
        listed = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
        files = {file.name for file in tree.under(folder, suffix=".yaml")} - {"kustomization.yaml"}
        yield from (f"{folder}/{name} is not in its kustomization.yaml" for name in sorted(files - listed))
