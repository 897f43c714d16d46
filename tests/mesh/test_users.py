"""Users and tokens from outside: anyone can get the keys of identity and verify its tokens."""

import asyncio
import json
import urllib.request
import uuid
from collections.abc import AsyncIterator
from typing import TypeAlias

import jwt
import pytest

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.mesh.calls import outcome_of
from tests.mesh.harness import MESH, Mesh, dial

AUDIENCE, ISSUER = "https://shop.example", "https://identity.shop.example"
Stub = identity_pb2_grpc.IdentityServiceStub
AsyncStub: TypeAlias = "identity_pb2_grpc.IdentityServiceAsyncStub"


@pytest.fixture
async def identity(mesh: Mesh) -> AsyncIterator[AsyncStub]:
    async with dial(mesh.gateway) as channel:
        yield Stub(channel)


async def create_user(identity: AsyncStub) -> tuple[pb.User, str]:
    """Create a user. Return it with an access token."""
    user = pb.User(email=f"{uuid.uuid4()}@shop.example", display_name="Test")
    password = str(uuid.uuid4())
    request = pb.CreateUserRequest(request_id=str(uuid.uuid4()), user=user, password=password)
    created = (await identity.CreateUser(request)).user
    reply = await identity.IssueToken(pb.IssueTokenRequest(email=user.email, password=password))
    return created, reply.access_token


async def keys_over_http(mesh: Mesh) -> bytes:
    """Fetch the keys as the gateway does."""
    address = (await mesh.pod("identity"))["status"]["podIP"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch() -> bytes:
        with opener.open(f"http://{address}:8081/.well-known/jwks.json", timeout=30) as reply:
            return bytes(reply.read())

    return await asyncio.to_thread(fetch)


async def test_a_token_can_be_verified_with_the_keys_from_the_gateway(mesh: Mesh, identity: AsyncStub) -> None:
    user, text = await create_user(identity)
    response = await identity.GetJwks(pb.GetJwksRequest())
    keys = [{field.name: value for field, value in key.ListFields()} for key in response.keys]
    key = jwt.PyJWKSet(keys)[jwt.get_unverified_header(text)["kid"]]
    claims = jwt.decode(text, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    assert claims["sub"] == user.name
    assert json.loads(await keys_over_http(mesh)) == {"keys": keys}


async def as_operator(mesh: Mesh, method: str, request: dict[str, object]) -> str:
    """Call a method from a Job of the operator. Return its output."""
    words = ["call", f"shop.identity.v1.IdentityService/{method}", json.dumps(request)]
    run = await mesh.run(MESH, *words, within=120)
    return run.stdout + run.stderr


async def test_the_operator_may_disable_a_user_and_rotate_the_keys(mesh: Mesh, identity: AsyncStub) -> None:
    user, _ = await create_user(identity)
    assert "STATE_DISABLED" in await as_operator(mesh, "DisableUser", {"name": user.name})
    # The call is allowed, but in a new mesh the next key is too new.
    assert "NEXT_KEY_TOO_NEW" in await as_operator(mesh, "RotateKeys", {})


async def test_a_wrong_password_is_refused_through_the_gateway(identity: AsyncStub) -> None:
    user, _ = await create_user(identity)
    wrong = pb.IssueTokenRequest(email=user.email, password="wrong words")  # noqa: S106  # not a real one
    assert (await outcome_of(identity.IssueToken(wrong))).startswith("UNAUTHENTICATED the e-mail address or")
