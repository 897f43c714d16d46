"""Roles: every user is a customer, the operator grants and revokes the others, and tokens contain them."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import jwt
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.support.databases import query
from tests.support.errors import refused
from tests.support.processes import Process

Stub = identity_pb2_grpc.IdentityServiceStub
AsyncStub: TypeAlias = "identity_pb2_grpc.IdentityServiceAsyncStub"
PASSWORD = "correct horse battery staple"  # noqa: S105  # made up


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("identity")


@pytest.fixture
async def identity(process: Process) -> AsyncIterator[AsyncStub]:
    async with process.channel() as channel:
        yield Stub(channel)


async def create_user(identity: AsyncStub, *roles: str) -> pb.User:
    """Create a user with a request that contains these roles."""
    user = pb.User(email=f"{uuid.uuid4()}@shop.example", display_name="Ada", roles=roles)
    request = pb.CreateUserRequest(request_id=str(uuid.uuid4()), user=user, password=PASSWORD)
    return (await identity.CreateUser(request)).user


async def update(identity: AsyncStub, user: pb.User, *paths: str) -> pb.User:
    mask = FieldMask(paths=paths)
    request = pb.UpdateUserRequest(request_id=str(uuid.uuid4()), user=user, update_mask=mask)
    return (await identity.UpdateUser(request)).user


async def set_roles(identity: AsyncStub, name: str, *roles: str, etag: str = "") -> list[str]:
    """Set the roles of a user, and return the roles in the response."""
    return [*(await update(identity, pb.User(name=name, roles=roles, etag=etag), "roles")).roles]


async def token_roles(identity: AsyncStub, email: str) -> list[str]:
    """Return the roles in a new token of a user."""
    reply = await identity.IssueToken(pb.IssueTokenRequest(email=email, password=PASSWORD))
    roles: list[str] = jwt.decode(reply.access_token, options={"verify_signature": False})["roles"]
    return roles


async def test_a_new_user_is_only_a_customer_even_if_the_request_contains_other_roles(identity: AsyncStub) -> None:
    user = await create_user(identity, "admin", "merchandiser")
    assert [*user.roles] == ["customer"]
    assert await token_roles(identity, user.email) == ["customer"]


async def test_tokens_contain_the_roles_until_they_are_revoked(identity: AsyncStub) -> None:
    user = await create_user(identity)
    assert await set_roles(identity, user.name, "merchandiser", "admin") == ["admin", "customer", "merchandiser"]
    assert await token_roles(identity, user.email) == ["admin", "customer", "merchandiser"]
    assert await set_roles(identity, user.name, "customer", "admin") == ["admin", "customer"]
    assert await token_roles(identity, user.email) == ["admin", "customer"]


async def test_the_role_customer_cannot_be_revoked(identity: AsyncStub) -> None:
    user = await create_user(identity)
    await set_roles(identity, user.name, "admin")
    assert await set_roles(identity, user.name) == ["customer"]
    assert await token_roles(identity, user.email) == ["customer"]


async def test_an_update_changes_only_the_fields_of_its_mask(identity: AsyncStub) -> None:
    user = await create_user(identity)
    await set_roles(identity, user.name, "admin")
    for paths in ((), ("display_name",)):
        other = pb.User(name=user.name, display_name=f"Countess {len(paths)}", roles=["merchandiser"])
        updated = await update(identity, other, *paths)
        assert (updated.display_name, [*updated.roles]) == (other.display_name, ["admin", "customer"])
    other = pb.User(name=user.name, display_name="Grace", roles=["merchandiser"])
    updated = await update(identity, other, "roles")
    assert (updated.display_name, [*updated.roles]) == ("Countess 1", ["customer", "merchandiser"])
    updated = await update(identity, pb.User(name=user.name, display_name="Ada"), "roles", "display_name")
    assert (updated.display_name, [*updated.roles]) == ("Ada", ["customer"])
    assert (await identity.GetUser(pb.GetUserRequest(name=user.name))).user == updated


async def test_roles_cannot_be_set_with_an_old_etag(identity: AsyncStub) -> None:
    user = await create_user(identity)
    assert await set_roles(identity, user.name, "admin", etag=user.etag) == ["admin", "customer"]
    error = await refused(set_roles(identity, user.name, "merchandiser", etag=user.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


@pytest.mark.parametrize(
    ("roles", "field"),
    [
        (["Admin"], "user.roles[0]"),
        (["a b"], "user.roles[0]"),
        (["admin", ""], "user.roles[1]"),
        (["r" * 33], "user.roles[0]"),
        (["admin", "admin"], "user.roles"),
        ([f"role-{number}" for number in range(8)], "user.roles"),
    ],
)
async def test_invalid_roles_are_rejected(identity: AsyncStub, roles: list[str], field: str) -> None:
    user = await create_user(identity)
    error = await refused(set_roles(identity, user.name, *roles))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


async def test_a_user_may_have_eight_roles(identity: AsyncStub) -> None:
    user = await create_user(identity)
    roles = sorted(["r" * 32, "customer", *(f"role-{number}" for number in range(6))])
    assert await set_roles(identity, user.name, *roles) == roles
    assert await set_roles(identity, user.name, *roles[1:]) == roles


async def test_a_user_created_by_the_previous_release_is_a_customer(process: Process, identity: AsyncStub) -> None:
    """During a rollout old Pods run next to new ones, and they set no roles."""
    user = await create_user(identity)
    columns = "email, display_name, password_hash, state, revision, create_time, update_time"
    old = columns.replace("email", ":email", 1)
    values = {"new": str(uuid.uuid4()), "email": f"{uuid.uuid4()}@shop.example", "id": user.name.removeprefix("users/")}
    copy = f"INSERT INTO users (id, {columns}) SELECT :new, {old} FROM users WHERE id = :id"  # noqa: S608  # ours
    query(process.database_url, copy, **values)
    assert await token_roles(identity, values["email"]) == ["customer"]
