"""Every method as those call it who may: outsiders through the gateway, services through their sidecars."""

import time
from collections.abc import Mapping
from functools import cache
from typing import NoReturn

import grpc
import grpc.aio
from google.protobuf.message import Message
from typing_extensions import override

from mesh.local.clients.users import CUSTOMER
from mesh.local.matrix.callers import graph
from tests.mesh import policies
from tests.mesh.calls import status_of
from tests.mesh.harness import ROOT, TOKEN_SECONDS, Manifest, Mesh, dial
from tests.mesh.signer import Signer
from tests.services.writes import Caller
from tests.tidy.contracts import service_of
from tools.protoc_gen_istio.contracts import Audience

GATEWAY, OPERATOR = "gateway", "operator"
# The customer of tests/services/shop.py, in whose name outsiders call.
BUYER = "users/ada"
ERRAND = {"app": OPERATOR, "errand": "yes"}


@cache
def callers_by_path() -> Mapping[str, list[str]]:
    """Answer path → who may call it: "gateway" if outsiders may, and services."""
    found = graph(ROOT)
    return {
        method.path: [*([] if method.audience is Audience.NOBODY else [GATEWAY]), *found.callers[name]]
        for name, method in found.methods.items()
    }


@cache
def role_by_path() -> Mapping[str, str]:
    """Answer path → a role with which an outsider may call it."""
    return {method.path: next(iter(method.roles), CUSTOMER) for method in graph(ROOT).methods.values()}


def idle_operator() -> Manifest:
    """Make a Pod with the operator's identity that does nothing: between two Jobs there is none to call through."""
    return policies.idle("errand", OPERATOR, ERRAND)


class MeshCaller(Caller):
    """Calls any method as one who may."""

    def __init__(self, targets: Mapping[str, str], tokens: Mapping[str, str]) -> None:
        """`targets` says where each caller dials: the gateway, with the token of a role, or a sidecar."""
        super().__init__(_nobody)
        self._targets, self._tokens = targets, tokens

    @classmethod
    async def of(cls, mesh: Mesh) -> "MeshCaller":
        """Find where each caller dials, in a mesh with an errand."""
        [pod] = (await mesh.get("pods", "-n", "shop", "-l", ",".join(map("=".join, ERRAND.items()))))["items"]
        pods = {OPERATOR: pod, "orders": await mesh.pod("orders")}
        found = {name: await mesh.egress(pod["metadata"]["name"]) for name, pod in pods.items()}
        signer, until = Signer.of(mesh.home), int(time.time()) + TOKEN_SECONDS
        tokens = {role: signer.token(sub=BUYER, roles=[role], exp=until) for role in {*role_by_path().values()}}
        return cls({GATEWAY: mesh.gateway, **found}, tokens)

    @override
    def channel(self, path: str) -> grpc.aio.Channel:
        return self._dial(callers_by_path()[path][0], path)

    async def status(self, by: str, path: str, request: Message, user_agent: str = "") -> grpc.StatusCode:
        """Call a method as `by`, and answer how the call ended."""
        async with self._dial(by, path, user_agent) as channel:
            call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
            return await status_of(call(request.SerializeToString(), timeout=20))

    def _dial(self, by: str, path: str, user_agent: str = "") -> grpc.aio.Channel:
        agent = user_agent or None
        if by == GATEWAY:
            return dial(self._targets[by], token=self._tokens[role_by_path()[path]], user_agent=agent)
        return dial(self._targets[by], authority=f"{service_of(path)}.shop.svc.cluster.local", user_agent=agent)


def _nobody(service: str) -> NoReturn:
    raise LookupError(service)
