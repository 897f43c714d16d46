"""Rate limits of the gateway, with the numbers of production: per user, per address, and for expensive methods."""

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc.aio
import pytest
import yaml
from google.rpc import error_details_pb2, status_pb2

from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from tests.mesh.calls import Shop, method, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import GRPC, http_request
from tests.mesh.signer import Signer
from tests.mesh.test_security import path_variants
from tests.support.clock import eventually
from tests.support.report import Measured

PRODUCTION = ("mesh/istio/base/rate-limits.yaml", "mesh/istio/contracts/rate-limits.yaml")
LIMITED = "RESOURCE_EXHAUSTED local_rate_limited"
USER_BURST, ADDRESS_BURST, LOGIN_BURST, SIGN_UP_BURST = BURSTS = 100, 1000, 30, 10
ORDERS, LOGIN = "/v1/orders?customer=customers/me", "/shop.identity.v1.IdentityService/IssueToken"
DENIED = "/shop.orders.v1.OrdersService/ResumeOrder"
UNIMPLEMENTED = "12"
BATCH = 50


@asynccontextmanager
async def production_limits(mesh: Mesh) -> AsyncIterator[None]:
    """Apply the limits of production and wait until the gateway has them. Then apply the local ones again."""
    apply = ("apply", "--server-side", "--force-conflicts", "-f")
    overlay = yaml.safe_load_all(await mesh.kubectl("kustomize", "mesh/kubernetes/overlays/local"))
    names = ("rate-limits", "method-limits")
    local = [each for each in overlay if each["kind"] == "EnvoyFilter" and each["metadata"]["name"] in names]
    assert len(local) == len(PRODUCTION)
    for file in PRODUCTION:
        await mesh.kubectl(*apply, file)
    try:
        async for attempt in eventually(30):
            with attempt:
                config = await mesh.envoy("shop-gateway", "config_dump")
                assert set(BURSTS) <= set(map(int, re.findall(r'"max_tokens": (\d+)', config)))
                assert '"warming_state"' not in config
        yield
    finally:
        await mesh.kubectl(*apply, "-", stdin=yaml.safe_dump_all(local))


@pytest.fixture
async def limited(mesh: Mesh) -> AsyncIterator[Mesh]:
    async with production_limits(mesh):
        yield mesh


def new_user(mesh: Mesh) -> str:
    """Return a token of a user who has not called yet."""
    return Signer.of(mesh.home).token(sub=f"users/{uuid.uuid4()}", expires_in=600)


def new_channel(mesh: Mesh, token: str = "") -> grpc.aio.Channel:
    """Open a new connection, because an older one may still have the old filters of the gateway."""
    return dial(mesh.gateway, token=token, user_agent=str(uuid.uuid4()))


async def outcomes_until_limited(call: Callable[[], Awaitable[object]]) -> Counter[str]:
    """Call faster than the limit allows, until a call is refused. Return how often there was each outcome."""
    outcomes: Counter[str] = Counter()
    async for attempt in eventually(30, every=0):
        with attempt:
            outcomes.update(await asyncio.gather(*(outcome_of(call()) for _ in range(BATCH))))
            assert outcomes[LIMITED]
    return outcomes


async def reaches_identity(mesh: Mesh, path: bytes) -> bool:
    """Call a path. Return whether a method was called."""
    response = await http_request(mesh.gateway, path, GRPC, method="POST", body=bytes(5))
    return response.from_service and response.headers["grpc-status"] != UNIMPLEMENTED


async def test_a_user_has_calls_of_their_own(limited: Mesh, measured: Measured) -> None:
    async with new_channel(limited, new_user(limited)) as channel, new_channel(limited, new_user(limited)) as other:
        outcomes = await outcomes_until_limited(Shop(channel).list_orders)
        assert set(outcomes) == {"OK", LIMITED}
        assert outcomes["OK"] >= USER_BURST
        assert await outcome_of(Shop(other).list_orders()) == "OK"
        async for attempt in eventually(10):
            with attempt:
                assert await outcome_of(Shop(channel).list_orders()) == "OK", "a token is added ten times a second"
    measured(f"rate limits: {outcomes['OK']} calls of a user passed before {outcomes[LIMITED]} were refused")


async def test_a_refused_call_says_when_to_retry(limited: Mesh) -> None:
    token = new_user(limited)
    async with new_channel(limited, token) as channel:
        async for attempt in eventually(30, every=0):
            with attempt:
                calls = [Shop(channel).list_orders() for _ in range(BATCH)]
                results = await asyncio.gather(*calls, return_exceptions=True)
                refused = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
                assert refused
    assert {error.code() for error in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    details = dict(refused[0].trailing_metadata() or ())["grpc-status-details-bin"]
    [detail] = status_pb2.Status.FromString(details).details
    hint = error_details_pb2.RetryInfo()
    assert detail.Unpack(hint)
    async for attempt in eventually(30, every=0):
        with attempt:
            headers = {"authorization": f"Bearer {token}"}
            requests = [http_request(limited.gateway, ORDERS, headers) for _ in range(BATCH)]
            statuses = {response.status: response for response in await asyncio.gather(*requests)}
            assert 429 in statuses
    assert statuses[429].body == b"local_rate_limited"
    assert statuses[429].headers["retry-after"] == str(hint.retry_delay.seconds) == "1"


async def test_refused_calls_count_for_the_real_address_of_the_caller(limited: Mesh) -> None:
    async with new_channel(limited) as channel:

        def denied() -> Awaitable[bytes]:
            claimed = (("x-forwarded-for", f"203.0.113.{uuid.uuid4().int % 256}"),)
            return method(channel, DENIED)(b"", timeout=20, metadata=claimed)

        outcomes = await outcomes_until_limited(denied)
        assert set(outcomes) == {"PERMISSION_DENIED RBAC: access denied", LIMITED}
        assert outcomes.total() - outcomes[LIMITED] >= ADDRESS_BURST
        async for attempt in eventually(10):
            with attempt:
                assert await outcome_of(Shop(channel).get_product()) == "OK"


async def test_logins_and_new_users_are_limited_per_address(limited: Mesh, measured: Measured) -> None:
    async with new_channel(limited) as channel, new_channel(limited, new_user(limited)) as with_token:
        identity = identity_pb2_grpc.IdentityServiceStub(channel)

        def login() -> Awaitable[object]:
            email = f"{uuid.uuid4()}@shop.example"
            return identity.IssueToken(identity_pb2.IssueTokenRequest(email=email, password="wrong"), timeout=20)  # noqa: S106

        logins = await outcomes_until_limited(login)
        passed = logins.total() - logins[LIMITED]
        assert LOGIN_BURST <= passed < LOGIN_BURST + BATCH
        sign_ups = await outcomes_until_limited(
            lambda: identity.CreateUser(identity_pb2.CreateUserRequest(), timeout=20)
        )
        assert SIGN_UP_BURST <= sign_ups.total() - sign_ups[LIMITED] < BATCH
        # A token adds no calls, and JSON counts like gRPC.
        assert LIMITED in {await outcome_of(method(with_token, LOGIN)(b"", timeout=20)) for _ in range(5)}
        statuses = {(await http_request(limited.gateway, "/v1/tokens:issue", method="POST")).status for _ in range(5)}
        assert 429 in statuses
        # Another spelling of the path has no separate limit: all of them would be ten times as many.
        spellings = [path for _ in range(5) for path in path_variants(LOGIN)]
        reached = await asyncio.gather(*(reaches_identity(limited, path) for path in spellings))
        assert sum(reached) < LOGIN_BURST
        assert await outcome_of(Shop(channel).get_product()) == "OK", "other methods are not affected"
    measured(f"rate limits: {passed} of {logins.total()} logins at once reached identity")
