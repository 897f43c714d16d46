"""Every method has a policy, every policy names a method: the contracts and the manifests of the mesh agree."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.tidy.contracts import REFLECTION, service_of
from tests.tidy.manifests import (
    BASE,
    CONTRACTS,
    GATEWAY,
    POLICIES,
    WORKLOADS,
    Route,
    allowances,
    callees,
    manifests,
    parsed,
    routes,
)
from tests.tidy.tree import Tree

DOOR, NEIGHBOUR = "cluster.local/ns/istio-ingress/sa/ingressgateway", "cluster.local/ns/shop/sa/"
MOST_RETRIES = 2

OVER_HTTP = {
    "/.well-known/jwks.json": "whoever verifies tokens asks for the keys over HTTP",
    "/openapi.json": "whoever calls over HTTP asks the gateway what there is",
}
"""Paths that are no method's, and that anybody may ask for → why."""
PORTS = {("grpc", "grpc"), ("http-jwks", "http"), ("https", "https")}
"""Names and protocols of the Services' ports."""
DOORS = {("grpc", "GRPC"), ("https", "HTTPS")}
"""Names and protocols of the Gateway's."""


@dataclass(frozen=True)
class Contracts:
    """The paths of all methods, of those that may be sent again, that stream, and that outsiders may call."""

    methods: frozenset[str]
    repeatable: frozenset[str]
    streams: frozenset[str]
    public: frozenset[str]

    @property
    def known(self) -> frozenset[str]:
        """Every path that a policy may name: reflection is nobody's contract, but a service of the mesh."""
        return self.methods | REFLECTION


def routed(tree: Tree, contracts: Contracts) -> Iterator[str]:
    """Answer the methods without a row in a VirtualService, and the rows that do not fit their method."""
    rows = [row for row in routes(tree) if row.host or row.path not in OVER_HTTP]
    for path in sorted(contracts.methods - {row.path for row in rows if row.host}):
        yield f"{path} has no row in a VirtualService: `make generate` writes one from its contract"
    for row in rows:
        told = f"{row.where}: {row.path or 'a match that is no exact path'}"
        if row.path not in contracts.known:
            yield f"{told} is no method"
        else:
            for fault in (*_destination(row), *_retries(row, contracts), *_timeout(row, contracts)):
                yield f"{told} {fault}"


def _destination(row: Route) -> Iterator[str]:
    service = service_of(row.path)
    if row.delegate and row.delegate != f"{service}-traffic":
        yield f"is handed to {row.delegate}, which is not {service}'s"
    elif not row.delegate and row.host != f"{service}.shop.svc.cluster.local":
        yield f"is no method of {row.host}"


def _retries(row: Route, contracts: Contracts) -> Iterator[str]:
    if row.attempts is None:
        yield "leaves its retries to the installation's default: state `attempts`"
    elif row.attempts and row.path not in contracts.repeatable:
        yield "is sent again, but its contract says neither NO_SIDE_EFFECTS nor IDEMPOTENT: `attempts: 0`"
    elif row.attempts > MOST_RETRIES:
        yield f"is sent again {row.attempts} times: {MOST_RETRIES} at most"


def _timeout(row: Route, contracts: Contracts) -> Iterator[str]:
    endless = row.path in contracts.streams | REFLECTION
    if row.timeout is None and not endless:
        yield "has no `timeout`"
    if row.timeout is not None and endless:
        yield "is a stream, which lasts as long as its caller likes: no `timeout`"


def allowed(tree: Tree, contracts: Contracts) -> Iterator[str]:
    """Answer the methods that nobody may call, and what a service's AuthorizationPolicy should not let in."""
    rows = [row for row in allowances(tree, app="") if row.path not in OVER_HTTP]
    called = {row.path for row in rows}
    for path in sorted(contracts.methods - called):
        yield f"{path} is in no AuthorizationPolicy: list it in its callers' service.yaml, or give it an audience"
    for row in rows:
        if row.path not in contracts.known:
            yield f"{row.where} lets {row.caller} call {row.path}, which is no method"
        elif service_of(row.path) != row.app:
            yield f"{row.where} lets {row.caller} call {row.path}, which is no method of {row.app}"
        if row.caller != DOOR and not row.caller.startswith(NEIGHBOUR):
            yield f"{row.where} lets {row.caller} call {row.path}: name a ServiceAccount of the mesh"


def agreed(tree: Tree) -> Iterator[str]:
    """Answer where callee and caller disagree: whom a service lets in, that one's Sidecar lets out."""
    neighbours = (row for row in allowances(tree, app="") if row.caller.startswith(NEIGHBOUR))
    inward = {(row.caller.removeprefix(NEIGHBOUR), row.app) for row in neighbours}
    outward = {(caller, callee) for _, caller, callee in callees(tree)}
    for caller, callee in sorted(inward - outward):
        yield f"{callee} lets {caller} in, but no Sidecar lets {caller} call {callee}"
    for caller, callee in sorted(outward - inward):
        yield f"{caller}'s Sidecar lets it call {callee}, whose AuthorizationPolicy does not let it in"


def door(tree: Tree, contracts: Contracts) -> Iterator[str]:
    """Answer what is public in one place and not in another: contract, gateway's page, gateway's routes, services."""
    public = contracts.public | REFLECTION
    places = {
        "the gateway's AuthorizationPolicy": {row.path for row in allowances(tree, istio="")},
        f"the VirtualServices of {GATEWAY}": {row.path for row in routes(tree) if row.gateway},
        "what the services let the gateway call": {r.path for r in allowances(tree, app="") if r.caller == DOOR},
    }
    for place, named in places.items():
        found = named - OVER_HTTP.keys()
        yield from (f"{path} is public by its contract, but is not in {place}" for path in sorted(public - found))
        yield from (f"{path} is in {place}, but not public by its contract" for path in sorted(found - public))


def ports(tree: Tree) -> Iterator[str]:
    """Answer the ports whose protocol Istio would not know: it looks at the name, the cluster at appProtocol."""
    for file, service in manifests(tree, WORKLOADS, kind="Service"):
        for port in service["spec"]["ports"]:
            if (port.get("name"), port.get("appProtocol")) not in PORTS:
                yield f"{file}: port {port['port']} has not the name grpc and the appProtocol grpc"
    for file, gateway in manifests(tree, *POLICIES, kind="Gateway"):
        for port in (server["port"] for server in gateway["spec"]["servers"]):
            if (port["name"], port["protocol"]) not in DOORS:
                yield f"{file}: port {port['number']} has not the name grpc and the protocol GRPC"


def listed(tree: Tree) -> Iterator[str]:
    """Answer the services without workload or policies, and the manifests that no kustomization applies."""
    services = {file.parts[1] for file in tree.under("services", suffix="__main__.py")}
    policies = {file.stem for file in tree.under(*POLICIES, suffix=".yaml")}
    workloads = {file.stem for file in tree.under(WORKLOADS, suffix=".yaml")}
    for service in sorted(services - policies):
        yield f"{service} has no policies: `make generate` writes them from services/{service}/service.yaml"
    yield from (f"{WORKLOADS}/{service}.yaml is missing" for service in sorted(services - workloads))
    for folder in (BASE, CONTRACTS, WORKLOADS):
        [kustomization] = parsed(tree.text(f"{folder}/kustomization.yaml"))
        applied = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
        files = {file.name for file in tree.under(folder, suffix=".yaml")} - {"kustomization.yaml"}
        yield from (f"{folder}/{name} is not in its kustomization.yaml" for name in sorted(files - applied))
