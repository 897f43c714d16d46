"""Roles: everybody is a customer, an operator gives and takes the rest, and tokens tell them."""

import uuid
from collections.abc import AsyncIterator, Callable

import grpc
import jwt
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.services.databases import query
from tests.services.harness import Process
from tests.services.refusals import refused

Stub = identity_pb2_grpc.IdentityServiceStub
WORDS = "correct horse battery staple"


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("identity")


@pytest.fixture
async def identity(process: Process) -> AsyncIterator[Stub]:
    async with process.channel() as channel:
        yield Stub(channel)


async def created(identity: Stub, *roles: str) -> pb.User:
    """Make a user, who asks for these roles."""
    user = pb.User(email=f"{uuid.uuid4()}@shop.example", display_name="Ada", roles=roles)
    request = pb.CreateUserRequest(request_id=str(uuid.uuid4()), user=user, password=WORDS)
    return (await identity.CreateUser(request)).user


async def update(identity: Stub, user: pb.User, *paths: str) -> pb.User:
    mask = FieldMask(paths=paths)
    request = pb.UpdateUserRequest(request_id=str(uuid.uuid4()), user=user, update_mask=mask)
    return (await identity.UpdateUser(request)).user


async def given(identity: Stub, name: str, *roles: str, etag: str = "") -> list[str]:
    """Have a user have these roles, and answer those that it has then."""
    return [*(await update(identity, pb.User(name=name, roles=roles, etag=etag), "roles")).roles]


async def claimed(identity: Stub, email: str) -> list[str]:
    """Answer the roles that a user's new token tells."""
    reply = await identity.IssueToken(pb.IssueTokenRequest(email=email, password=WORDS))
    roles: list[str] = jwt.decode(reply.access_token, options={"verify_signature": False})["roles"]
    return roles


async def test_a_new_user_is_a_customer_and_no_more_whatever_it_asks_for(identity: Stub) -> None:
    user = await created(identity, "admin", "merchandiser")
    assert [*user.roles] == ["customer"]
    assert await claimed(identity, user.email) == ["customer"]


async def test_roles_that_are_given_stand_in_tokens_until_they_are_taken(identity: Stub) -> None:
    user = await created(identity)
    assert await given(identity, user.name, "merchandiser", "admin") == ["admin", "customer", "merchandiser"]
    assert await claimed(identity, user.email) == ["admin", "customer", "merchandiser"]
    assert await given(identity, user.name, "customer", "admin") == ["admin", "customer"]
    assert await claimed(identity, user.email) == ["admin", "customer"]


async def test_nobody_ceases_to_be_a_customer(identity: Stub) -> None:
    user = await created(identity)
    await given(identity, user.name, "admin")
    assert await given(identity, user.name) == ["customer"]
    assert await claimed(identity, user.email) == ["customer"]


async def test_an_update_changes_what_its_mask_names_and_nothing_else(identity: Stub) -> None:
    user = await created(identity)
    await given(identity, user.name, "admin")
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


async def test_an_etag_keeps_roles_from_being_given_to_a_user_who_was_changed(identity: Stub) -> None:
    user = await created(identity)
    assert await given(identity, user.name, "admin", etag=user.etag) == ["admin", "customer"]
    error = await refused(given(identity, user.name, "merchandiser", etag=user.etag))
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
async def test_roles_that_are_none_are_refused(identity: Stub, roles: list[str], field: str) -> None:
    user = await created(identity)
    error = await refused(given(identity, user.name, *roles))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


async def test_eight_roles_are_the_most(identity: Stub) -> None:
    user = await created(identity)
    most = sorted(["r" * 32, "customer", *(f"role-{number}" for number in range(6))])
    assert await given(identity, user.name, *most) == most
    assert await given(identity, user.name, *most[1:]) == most


async def test_a_user_whom_older_code_makes_is_a_customer(process: Process, identity: Stub) -> None:
    """A rollout's old Pods go on beside the new ones, and name no roles."""
    user = await created(identity)
    columns = "email, display_name, password_hash, state, revision, create_time, update_time"
    old = columns.replace("email", ":email", 1)
    values = {"new": str(uuid.uuid4()), "email": f"{uuid.uuid4()}@shop.example", "id": user.name.removeprefix("users/")}
    copy = f"INSERT INTO users (id, {columns}) SELECT :new, {old} FROM users WHERE id = :id"  # noqa: S608  # ours
    query(process.database_url, copy, **values)
    assert await claimed(identity, values["email"]) == ["customer"]
