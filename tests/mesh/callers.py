"""Calls any method as an allowed caller: outsiders through the gateway, services through their sidecars."""

from collections.abc import Mapping
from functools import cache
from typing import NoReturn

import grpc
import grpc.aio
from google.protobuf.message import Message
from typing_extensions import override

from mesh.local.clients.users import CUSTOMER
from mesh.local.matrix.declared import methods
from tests.mesh import policies
from tests.mesh.calls import status_of
from tests.mesh.harness import TOKEN_SECONDS, Manifest, Mesh, dial
from tests.mesh.signer import Signer
from tests.support.checkout import ROOT
from tests.support.contracts import service_of
from tests.support.writes import Caller

GATEWAY, OPERATOR = "gateway", "operator"
# The customer of tests/support/shop.py. Outsiders call with a token of this user.
BUYER = "users/ada"
IDLE_OPERATOR_LABELS = {"app": OPERATOR, "idle": "yes"}


@cache
def callers_by_path() -> Mapping[str, list[str]]:
    """Return the allowed callers of each method path: services, and "gateway" if outsiders may call it."""
    return {
        method.path: [*([GATEWAY] if method.is_public else []), *sorted(method.callers)] for method in methods(ROOT)
    }


@cache
def role_by_path() -> Mapping[str, str]:
    """Return a role for each method path with which an outsider may call it."""
    return {method.path: min(method.roles, default=CUSTOMER) for method in methods(ROOT)}


def idle_operator() -> Manifest:
    """Build a Pod that does nothing and has the identity of the operator.

    Tests call through its sidecar, because the operator has no Pod except during a Job.
    """
    return policies.idle("idle-operator", OPERATOR, IDLE_OPERATOR_LABELS)


class MeshCaller(Caller):
    """Calls any method as a caller that is allowed to."""

    def __init__(self, targets: Mapping[str, str], tokens: Mapping[str, str]) -> None:
        """Create it with the address of the gateway and of each calling sidecar, and with a token for each role."""
        super().__init__(_no_address)
        self._targets, self._tokens = targets, tokens

    @classmethod
    async def of(cls, mesh: Mesh) -> "MeshCaller":
        """Read all addresses from a mesh in which `idle_operator` is applied, and sign the tokens."""
        selector = ",".join(map("=".join, IDLE_OPERATOR_LABELS.items()))
        [operator] = (await mesh.get("pods", "-n", "shop", "-l", selector))["items"]
        pods = {OPERATOR: operator, "orders": await mesh.pod("orders")}
        sidecars = {name: await mesh.egress(pod["metadata"]["name"]) for name, pod in pods.items()}
        signer, roles = Signer.of(mesh.home), {*role_by_path().values()}
        tokens = {role: signer.token(expires_in=TOKEN_SECONDS, sub=BUYER, roles=[role]) for role in roles}
        return cls({GATEWAY: mesh.gateway, **sidecars}, tokens)

    @override
    def channel(self, path: str) -> grpc.aio.Channel:
        return self._dial(callers_by_path()[path][0], path)

    async def status(self, caller: str, path: str, request: Message, user_agent: str = "") -> grpc.StatusCode:
        """Call a method as `caller` and return the status of the call."""
        async with self._dial(caller, path, user_agent) as channel:
            call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
            return await status_of(call(request.SerializeToString(), timeout=20))

    def _dial(self, caller: str, path: str, user_agent: str = "") -> grpc.aio.Channel:
        agent = user_agent or None
        if caller == GATEWAY:
            return dial(self._targets[caller], token=self._tokens[role_by_path()[path]], user_agent=agent)
        return dial(self._targets[caller], authority=f"{service_of(path)}.shop.svc.cluster.local", user_agent=agent)


def _no_address(service: str) -> NoReturn:
    raise LookupError(service)
