"""identity through its generated client: users log in with a password, and errors reveal nothing about others."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import grpc
import jwt
import pytest
from argon2 import PasswordHasher
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.support.databases import query
from tests.support.errors import Refused, refused
from tests.support.processes import Process

Stub = identity_pb2_grpc.IdentityServiceStub
AsyncStub: TypeAlias = "identity_pb2_grpc.IdentityServiceAsyncStub"
ACTIVE, DISABLED = pb.User.STATE_ACTIVE, pb.User.STATE_DISABLED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
PASSWORD, OTHER_PASSWORD = "correct horse battery staple", "another horse"
INVALID_CREDENTIALS = (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS")
LOCKED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS")
USER_DISABLED = (grpc.StatusCode.PERMISSION_DENIED, "USER_DISABLED")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("identity")


@pytest.fixture
async def identity(process: Process) -> AsyncIterator[AsyncStub]:
    async with process.channel() as channel:
        yield Stub(channel)


def new_id() -> str:
    return str(uuid.uuid4())


def new_email() -> str:
    return f"{uuid.uuid4()}@shop.example"


def create_request(
    request_id: str | None = None, *, email: str | None = None, name: str = "Ada", password: str = PASSWORD
) -> pb.CreateUserRequest:
    return pb.CreateUserRequest(
        request_id=new_id() if request_id is None else request_id,
        user=pb.User(email=new_email() if email is None else email, display_name=name),
        password=password,
    )


async def create_user(identity: AsyncStub) -> pb.User:
    return (await identity.CreateUser(create_request())).user


async def get(identity: AsyncStub, name: str) -> pb.User:
    return (await identity.GetUser(pb.GetUserRequest(name=name))).user


async def token(identity: AsyncStub, email: str, password: str = PASSWORD) -> str:
    return (await identity.IssueToken(pb.IssueTokenRequest(email=email, password=password))).access_token


async def disable(identity: AsyncStub, name: str, request_id: str = "") -> pb.User:
    request = pb.DisableUserRequest(request_id=request_id or new_id(), name=name)
    return (await identity.DisableUser(request)).user


async def rename(identity: AsyncStub, name: str, display_name: str = "Countess", etag: str = "") -> pb.User:
    user = pb.User(name=name, display_name=display_name, etag=etag)
    return (await identity.UpdateUser(pb.UpdateUserRequest(request_id=new_id(), user=user))).user


def change_request(
    email: str, current: str = PASSWORD, new: str = OTHER_PASSWORD, request_id: str = ""
) -> pb.ChangePasswordRequest:
    return pb.ChangePasswordRequest(
        request_id=request_id or new_id(), email=email, current_password=current, new_password=new
    )


async def outcome(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    error = await refused(call)
    return error.code, error.reason


def count_rows(process: Process) -> tuple[int, int]:
    """Return the number of users and of requests in the service's database."""
    counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM requests)"
    [row] = query(process.database_url, counts)
    users, requests = (int(str(count)) for count in row)
    return users, requests


async def test_a_created_user_can_be_read(identity: AsyncStub) -> None:
    request = create_request(email=f"Ada.{new_id()}@Shop.Example", name="Ada Lovelace")
    user = (await identity.CreateUser(request)).user
    assert (user.email, user.display_name, user.state) == (request.user.email.lower(), "Ada Lovelace", ACTIVE)
    assert await get(identity, user.name) == user


async def test_a_request_that_is_sent_many_times_creates_one_user(process: Process, identity: AsyncStub) -> None:
    request, before = create_request(), count_rows(process)
    replies = await asyncio.gather(*(identity.CreateUser(request) for _ in range(20)))
    assert all(reply == replies[0] for reply in replies)
    assert count_rows(process) == (before[0] + 1, before[1] + 1)


async def test_a_request_id_cannot_be_used_for_another_request_or_password(identity: AsyncStub) -> None:
    request_id, email = new_id(), new_email()
    user = (await identity.CreateUser(create_request(request_id, email=email))).user
    for call in (
        identity.CreateUser(create_request(request_id, email=email, password=OTHER_PASSWORD)),
        identity.CreateUser(create_request(request_id, email=email, name="Grace")),
    ):
        error = await refused(call)
        assert (error.code, error.reason, error.fields) == (INVALID, "REQUEST_ID_REUSED", ["request_id"])
    assert await get(identity, user.name) == user


async def test_a_request_id_of_one_method_cannot_be_used_for_another(identity: AsyncStub) -> None:
    user = (await identity.CreateUser(create_request())).user
    renamed = await identity.UpdateUser(
        pb.UpdateUserRequest(request_id="update", user=pb.User(name=user.name, display_name="Countess"))
    )
    error = await refused(disable(identity, user.name, "update"))
    assert (error.code, error.reason, error.fields) == (INVALID, "REQUEST_ID_REUSED", ["request_id"])
    assert await get(identity, user.name) == renamed.user


async def test_an_email_address_has_at_most_one_user(process: Process, identity: AsyncStub) -> None:
    email, before = new_email(), count_rows(process)
    calls = (
        identity.CreateUser(create_request(email=spelling)) for spelling in (email, email.upper()) for _ in range(5)
    )
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert len([result for result in results if not isinstance(result, Exception)]) == 1
    assert await outcome(identity.CreateUser(create_request(email=email))) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "EMAIL_TAKEN",
    )
    assert count_rows(process) == (before[0] + 1, before[1] + 1)


async def test_any_jwt_library_can_verify_a_token_with_the_published_keys(identity: AsyncStub) -> None:
    user = await create_user(identity)
    reply = await identity.IssueToken(pb.IssueTokenRequest(email=user.email.upper(), password=PASSWORD))
    keys = (await identity.GetJwks(pb.GetJwksRequest())).keys
    jwks = jwt.PyJWKSet([{field.name: value for field, value in key.ListFields()} for key in keys])
    key = jwks[jwt.get_unverified_header(reply.access_token)["kid"]]
    required = {"require": ["iss", "sub", "aud", "iat", "exp", "jti"]}
    claims = jwt.decode(
        reply.access_token,
        key,
        algorithms=["RS256"],
        audience="https://shop.example",
        issuer="https://identity.shop.example",
        options=required,  # type: ignore[arg-type]  # the stubs require more options
    )
    assert (claims["sub"], claims["roles"]) == (user.name, ["customer"])
    assert (claims["exp"], claims["exp"] - claims["iat"]) == (reply.expire_time.seconds, 15 * 60)


async def test_the_keys_are_also_published_over_http(process: Process, identity: AsyncStub) -> None:
    text = await token(identity, (await create_user(identity)).email)
    client = jwt.PyJWKClient(f"http://127.0.0.1:{process.port}/.well-known/jwks.json")
    key = await asyncio.to_thread(client.get_signing_key_from_jwt, text)
    assert jwt.decode(text, key, algorithms=["RS256"], audience="https://shop.example")["iss"]
    assert process.get("/.well-known/other.json") == 404


async def test_all_tokens_differ(identity: AsyncStub) -> None:
    user = await create_user(identity)
    assert len({await token(identity, user.email) for _ in range(3)}) == 3


async def wrong(identity: AsyncStub, email: str) -> Refused:
    return await refused(token(identity, email, OTHER_PASSWORD))


async def test_a_wrong_password_and_an_unknown_user_get_the_same_errors(identity: AsyncStub) -> None:
    known, unknown = (await create_user(identity)).email, new_email()
    for _ in range(5):
        error = await wrong(identity, known)
        assert error == await wrong(identity, unknown)
        assert (error.code, error.reason) == INVALID_CREDENTIALS
    for email in (known, unknown):
        error = await wrong(identity, email)
        assert (error.code, error.reason) == LOCKED
        remaining = datetime.fromisoformat(error.metadata["unlock_time"]) - datetime.now(UTC)
        assert timedelta() < remaining <= timedelta(minutes=1)


def expire_attempts(process: Process, email: str) -> None:
    """Change the time of the attempts to long ago, as a text that both databases parse as a time in UTC."""
    zone = "+00" if process.database_url.startswith("postgresql") else ""
    last_time = f"{LONG_AGO:%Y-%m-%d %H:%M:%S.%f}{zone}"
    update = "UPDATE attempts SET last_time = :last_time WHERE email = :email"
    query(process.database_url, update, last_time=last_time, email=email)


async def test_a_locked_user_can_log_in_after_the_lock_and_other_users_are_not_locked(
    process: Process, identity: AsyncStub
) -> None:
    user, other = await create_user(identity), await create_user(identity)
    for _ in range(5):
        await wrong(identity, user.email)
    assert await outcome(token(identity, user.email)) == LOCKED
    assert await outcome(identity.ChangePassword(change_request(user.email))) == LOCKED
    assert await token(identity, other.email)
    expire_attempts(process, user.email)
    assert await token(identity, user.email)


async def test_of_a_hundred_concurrent_guesses_five_are_allowed(identity: AsyncStub) -> None:
    email = (await create_user(identity)).email
    outcomes = await asyncio.gather(*(outcome(token(identity, email, OTHER_PASSWORD)) for _ in range(100)))
    assert (outcomes.count(INVALID_CREDENTIALS), outcomes.count(LOCKED)) == (5, 95)


async def test_the_right_password_resets_the_count(identity: AsyncStub) -> None:
    user = await create_user(identity)
    for _ in range(2):
        for _ in range(4):
            await wrong(identity, user.email)
        assert await token(identity, user.email)


async def test_a_disabled_user_gets_no_token_and_only_the_right_password_reveals_why(identity: AsyncStub) -> None:
    user = await create_user(identity)
    disabled = await disable(identity, user.name)
    assert (disabled.state, await get(identity, user.name)) == (DISABLED, disabled)
    assert await disable(identity, user.name) == disabled
    assert await outcome(token(identity, user.email, OTHER_PASSWORD)) == INVALID_CREDENTIALS
    assert await outcome(token(identity, user.email)) == USER_DISABLED
    assert await outcome(identity.ChangePassword(change_request(user.email))) == USER_DISABLED


async def test_after_a_change_only_the_new_password_is_valid(identity: AsyncStub) -> None:
    user = await create_user(identity)
    changed = (await identity.ChangePassword(change_request(user.email))).user
    assert changed.etag != user.etag
    assert await get(identity, user.name) == changed
    assert await outcome(token(identity, user.email)) == INVALID_CREDENTIALS
    assert await token(identity, user.email, OTHER_PASSWORD)


async def test_a_password_change_that_is_sent_many_times_takes_effect_once(identity: AsyncStub) -> None:
    user = await create_user(identity)
    request = change_request(user.email, request_id=new_id())
    # Fewer than the limit on wrong passwords, because the first copies all count as attempts.
    replies = await asyncio.gather(*(identity.ChangePassword(request) for _ in range(4)), return_exceptions=True)
    reply = await identity.ChangePassword(request)
    assert {type(each) for each in replies} == {pb.ChangePasswordResponse}
    assert all(each == reply for each in replies)
    other = change_request(user.email, new="a third horse", request_id=request.request_id)
    assert await outcome(identity.ChangePassword(other)) == (INVALID, "REQUEST_ID_REUSED")
    assert await token(identity, user.email, OTHER_PASSWORD)


async def test_a_password_cannot_be_changed_without_the_current_one(identity: AsyncStub) -> None:
    user = await create_user(identity)
    assert (
        await outcome(identity.ChangePassword(change_request(user.email, current=OTHER_PASSWORD)))
        == INVALID_CREDENTIALS
    )
    assert await outcome(identity.ChangePassword(change_request(new_email()))) == INVALID_CREDENTIALS
    assert await token(identity, user.email)


async def test_a_login_replaces_a_hash_with_older_parameters(process: Process, identity: AsyncStub) -> None:
    user = await create_user(identity)
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    values = {"hash": old, "email": user.email}
    query(process.database_url, "UPDATE users SET password_hash = :hash WHERE email = :email", **values)
    assert await token(identity, user.email)
    [[current]] = query(process.database_url, "SELECT password_hash FROM users WHERE email = :email", email=user.email)
    assert str(current).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await token(identity, user.email)


async def test_an_update_with_an_old_etag_is_aborted(identity: AsyncStub) -> None:
    user = await create_user(identity)
    renamed = await rename(identity, user.name, "Countess", user.etag)
    assert (renamed.display_name, renamed.email) == ("Countess", user.email)
    error = await refused(rename(identity, user.name, "Ada", user.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await get(identity, user.name) == renamed
    assert (await rename(identity, user.name, "Ada", renamed.etag)).display_name == "Ada"
    assert (await rename(identity, user.name, "Augusta")).display_name == "Augusta"


async def test_only_one_of_many_concurrent_updates_with_the_same_etag_succeeds(identity: AsyncStub) -> None:
    user = await create_user(identity)
    calls = (rename(identity, user.name, f"Ada {number}", user.etag) for number in range(10))
    results = await asyncio.gather(*calls, return_exceptions=True)
    [renamed] = [result for result in results if isinstance(result, pb.User)]
    assert await get(identity, user.name) == renamed


async def test_only_the_fields_that_the_contract_allows_can_be_updated(identity: AsyncStub) -> None:
    user = await create_user(identity)
    for paths, fields in ((["display_name"], None), (["email"], ["update_mask"]), (["*"], ["update_mask"])):
        request = pb.UpdateUserRequest(request_id=new_id(), user=user, update_mask=FieldMask(paths=paths))
        if fields is None:
            await identity.UpdateUser(request)
        else:
            error = await refused(identity.UpdateUser(request))
            assert (error.code, error.fields) == (INVALID, fields)


@pytest.mark.parametrize(
    ("bad", "fields"),
    [
        (pb.CreateUserRequest(user=pb.User()), ["request_id", "user.email", "user.display_name", "password"]),
        (create_request("a b"), ["request_id"]),
        (create_request(email="ada"), ["user.email"]),
        (create_request(email="ada@shop"), ["user.email"]),
        (create_request(email="a da@shop.example"), ["user.email"]),
        (create_request(email="ada\0@shop.example"), ["user.email"]),
        (create_request(email=f"{'a' * 250}@shop.example"), ["user.email"]),
        (create_request(email=f"{'İ' * 127}@shop.example"), ["user.email"]),
        (create_request(name=""), ["user.display_name"]),
        (create_request(name="n" * 101), ["user.display_name"]),
        (create_request(password="1234567"), ["password"]),  # noqa: S106  # made up
        (create_request(password="p" * 129), ["password"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_every_invalid_field_of_a_new_user_is_named_and_nothing_is_stored(
    process: Process, identity: AsyncStub, bad: pb.CreateUserRequest, fields: list[str]
) -> None:
    before = count_rows(process)
    error = await refused(identity.CreateUser(bad))
    assert (error.code, error.reason, error.fields) == (INVALID, "INVALID_FIELDS", fields)
    assert error.domain == "identity.shop.example"
    assert bad.password not in error.text or not bad.password
    assert count_rows(process) == before


async def test_every_invalid_field_of_the_other_methods_is_named(identity: AsyncStub) -> None:
    for call, fields in (
        (identity.IssueToken(pb.IssueTokenRequest()), ["email", "password"]),
        (identity.IssueToken(pb.IssueTokenRequest(email="ada", password="p" * 129)), ["email", "password"]),
        (
            identity.ChangePassword(pb.ChangePasswordRequest()),
            ["request_id", "email", "current_password", "new_password"],
        ),
        (identity.UpdateUser(pb.UpdateUserRequest()), ["request_id", "user"]),
        (identity.UpdateUser(pb.UpdateUserRequest(user=pb.User())), ["update_mask", "request_id", "user.name"]),
        (identity.DisableUser(pb.DisableUserRequest(name="users/A")), ["request_id", "name"]),
        (identity.GetUser(pb.GetUserRequest(name="customers/1")), ["name"]),
        (identity.RotateKeys(pb.RotateKeysRequest()), ["request_id"]),
    ):
        error = await refused(call)
        assert (error.code, error.reason, error.fields) == (INVALID, "INVALID_FIELDS", fields)


@pytest.mark.parametrize("call", [get, disable, rename], ids=["get", "disable", "update"])
async def test_a_missing_user_is_not_found(
    identity: AsyncStub, call: Callable[[AsyncStub, str], Awaitable[pb.User]]
) -> None:
    error = await refused(call(identity, f"users/{new_id()}"))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_neither_the_log_nor_the_database_contains_a_password_or_a_token(
    process: Process, identity: AsyncStub
) -> None:
    passwords = [f"secret words {uuid.uuid4()}" for _ in range(4)]
    email = new_email()
    await identity.CreateUser(create_request(email=email, password=passwords[0]))
    await refused(identity.CreateUser(create_request(email=email, password=passwords[1])))
    await refused(identity.CreateUser(create_request(email="ada", password=passwords[1])))
    await refused(token(identity, email, passwords[2]))
    await identity.ChangePassword(change_request(email, passwords[0], passwords[3]))
    text = await token(identity, email, passwords[3])
    tables = ("users", "attempts", "signing_keys", "requests")
    rows = "".join(str(row) for table in tables for row in query(process.database_url, f"SELECT * FROM {table}"))  # noqa: S608  # ours
    log = (process.folder / "out.log").read_text(encoding="utf-8") + process.errors()
    assert email in rows, "the rows are read"
    assert "/shop.identity.v1.IdentityService/IssueToken" in log, "the log is read"
    for secret in (*passwords, text, text.rsplit(".", 1)[1]):
        assert secret not in rows
        assert secret not in log
    assert email not in log
