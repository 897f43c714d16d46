"""The cluster of a local mesh as it is now, read without kubectl: a page asks more often than a person."""

import json
from dataclasses import dataclass, field
from functools import cached_property

from typing_extensions import override

from mesh.local.clients.api_server import ApiServer
from mesh.local.clients.envoy import query_pod
from mesh.local.clients.kubectl import Kubectl
from mesh.local.instance import Instance
from mesh.local.why.live import Live
from mesh.local.why.matchers import Json
from mesh.local.why.proxy import DUMP, Proxy

LISTS = {
    "Pod": "api/v1/pods",
    "Service": "api/v1/services",
    "ServiceAccount": "api/v1/serviceaccounts",
    "AuthorizationPolicy": "apis/security.istio.io/v1/authorizationpolicies",
    "RequestAuthentication": "apis/security.istio.io/v1/requestauthentications",
    "PeerAuthentication": "apis/security.istio.io/v1/peerauthentications",
    "Sidecar": "apis/networking.istio.io/v1/sidecars",
    "VirtualService": "apis/networking.istio.io/v1/virtualservices",
}
"""Kind → the path of the list of all objects of this kind."""


@dataclass(frozen=True)
class LocalLive(Live):
    """Reads the API server of a local mesh, and the admin ports of its proxies."""

    mesh: Instance = field(kw_only=True)

    @classmethod
    def of(cls, mesh: Instance) -> "LocalLive":
        """Return the objects and proxies of a mesh. They are read when they are needed."""
        return cls(Kubectl.of(mesh), mesh=mesh)

    @cached_property
    @override
    def _objects(self) -> list[Json]:
        api = ApiServer(self.mesh)
        # The items of a list have no kind.
        return [each | {"kind": kind} for kind, path in LISTS.items() for each in api.read(f"/{path}")["items"]]

    @override
    def _read(self, pod: Json) -> Proxy:
        return Proxy(pod, json.loads(query_pod(self.mesh, pod, DUMP)))
