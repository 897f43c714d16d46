"""identity through its generated client: who proves who they are gets a token, and nobody learns anything else."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import grpc
import jwt
import pytest
from argon2 import PasswordHasher
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.services.databases import query
from tests.services.harness import Process
from tests.services.refusals import Refused, refused

Stub = identity_pb2_grpc.IdentityServiceStub
ACTIVE, DISABLED = pb.User.STATE_ACTIVE, pb.User.STATE_DISABLED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
WORDS, OTHER_WORDS = "correct horse battery staple", "another horse"
WRONG = (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS")
LOCKED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS")
BARRED = (grpc.StatusCode.PERMISSION_DENIED, "USER_DISABLED")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("identity")


@pytest.fixture
async def identity(process: Process) -> AsyncIterator[Stub]:
    async with process.channel() as channel:
        yield Stub(channel)


def new_id() -> str:
    return str(uuid.uuid4())


def new_email() -> str:
    return f"{uuid.uuid4()}@shop.example"


def creating(
    request_id: str | None = None, *, email: str | None = None, name: str = "Ada", password: str = WORDS
) -> pb.CreateUserRequest:
    return pb.CreateUserRequest(
        request_id=new_id() if request_id is None else request_id,
        user=pb.User(email=new_email() if email is None else email, display_name=name),
        password=password,
    )


async def created(identity: Stub) -> pb.User:
    return (await identity.CreateUser(creating())).user


async def get(identity: Stub, name: str) -> pb.User:
    return (await identity.GetUser(pb.GetUserRequest(name=name))).user


async def token(identity: Stub, email: str, password: str = WORDS) -> str:
    return (await identity.IssueToken(pb.IssueTokenRequest(email=email, password=password))).access_token


async def disable(identity: Stub, name: str, request_id: str = "") -> pb.User:
    request = pb.DisableUserRequest(request_id=request_id or new_id(), name=name)
    return (await identity.DisableUser(request)).user


async def rename(identity: Stub, name: str, display_name: str = "Countess", etag: str = "") -> pb.User:
    user = pb.User(name=name, display_name=display_name, etag=etag)
    return (await identity.UpdateUser(pb.UpdateUserRequest(request_id=new_id(), user=user))).user


def changing(
    email: str, current: str = WORDS, new: str = OTHER_WORDS, request_id: str = ""
) -> pb.ChangePasswordRequest:
    return pb.ChangePasswordRequest(
        request_id=request_id or new_id(), email=email, current_password=current, new_password=new
    )


async def ending(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    error = await refused(call)
    return error.code, error.reason


def stored(process: Process) -> tuple[int, int]:
    """Answer how many users and how many requests the service's own database holds."""
    counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM requests)"
    [row] = query(process.database_url, counts)
    users, requests = (int(str(count)) for count in row)
    return users, requests


async def test_a_user_who_was_made_is_found(identity: Stub) -> None:
    request = creating(email=f"Ada.{new_id()}@Shop.Example", name="Ada Lovelace")
    user = (await identity.CreateUser(request)).user
    assert (user.email, user.display_name, user.state) == (request.user.email.lower(), "Ada Lovelace", ACTIVE)
    assert await get(identity, user.name) == user


async def test_the_same_request_makes_one_user_however_often_it_is_sent(process: Process, identity: Stub) -> None:
    request, before = creating(), stored(process)
    replies = await asyncio.gather(*(identity.CreateUser(request) for _ in range(20)))
    assert all(reply == replies[0] for reply in replies)
    assert stored(process) == (before[0] + 1, before[1] + 1)


async def test_a_request_id_serves_one_request_alone_with_one_password(identity: Stub) -> None:
    request_id, email = new_id(), new_email()
    user = (await identity.CreateUser(creating(request_id, email=email))).user
    for call in (
        identity.CreateUser(creating(request_id, email=email, password=OTHER_WORDS)),
        identity.CreateUser(creating(request_id, email=email, name="Grace")),
        disable(identity, user.name, request_id),
    ):
        error = await refused(call)
        assert (error.code, error.reason, error.fields) == (INVALID, "REQUEST_ID_REUSED", ["request_id"])
    assert await get(identity, user.name) == user


async def test_an_email_address_has_one_user_at_most(process: Process, identity: Stub) -> None:
    email, before = new_email(), stored(process)
    calls = (identity.CreateUser(creating(email=spelt)) for spelt in (email, email.upper()) for _ in range(5))
    made = [end for end in await asyncio.gather(*calls, return_exceptions=True) if not isinstance(end, Exception)]
    assert len(made) == 1
    assert await ending(identity.CreateUser(creating(email=email))) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "EMAIL_TAKEN",
    )
    assert stored(process) == (before[0] + 1, before[1] + 1)


async def test_a_token_is_verified_by_any_jwt_library_with_the_keys_that_are_answered(identity: Stub) -> None:
    user = await created(identity)
    reply = await identity.IssueToken(pb.IssueTokenRequest(email=user.email.upper(), password=WORDS))
    keys = (await identity.GetJwks(pb.GetJwksRequest())).keys
    known = jwt.PyJWKSet([{field.name: value for field, value in key.ListFields()} for key in keys])
    key = known[jwt.get_unverified_header(reply.access_token)["kid"]]
    required = {"require": ["iss", "sub", "aud", "iat", "exp", "jti"]}
    claims = jwt.decode(
        reply.access_token,
        key,
        algorithms=["RS256"],
        audience="https://shop.example",
        issuer="https://identity.shop.example",
        options=required,  # type: ignore[arg-type]  # the stubs know more options than one has to give
    )
    assert (claims["sub"], claims["roles"]) == (user.name, ["customer"])
    assert (claims["exp"], claims["exp"] - claims["iat"]) == (reply.expire_time.seconds, 15 * 60)


async def test_the_keys_are_had_over_plain_http_as_well(process: Process, identity: Stub) -> None:
    text = await token(identity, (await created(identity)).email)
    client = jwt.PyJWKClient(f"http://127.0.0.1:{process.port}/.well-known/jwks.json")
    key = await asyncio.to_thread(client.get_signing_key_from_jwt, text)
    assert jwt.decode(text, key, algorithms=["RS256"], audience="https://shop.example")["iss"]
    assert process.get("/.well-known/other.json") == 404


async def test_no_token_is_the_same_as_another(identity: Stub) -> None:
    user = await created(identity)
    assert len({await token(identity, user.email) for _ in range(3)}) == 3


async def wrong(identity: Stub, email: str) -> Refused:
    return await refused(token(identity, email, OTHER_WORDS))


async def test_a_wrong_password_and_an_unknown_user_cannot_be_told_apart(identity: Stub) -> None:
    known, unknown = (await created(identity)).email, new_email()
    for _ in range(5):
        error = await wrong(identity, known)
        assert error == await wrong(identity, unknown)
        assert (error.code, error.reason) == WRONG
    for email in (known, unknown):
        error = await wrong(identity, email)
        assert (error.code, error.reason) == LOCKED
        left = datetime.fromisoformat(error.metadata["unlock_time"]) - datetime.now(UTC)
        assert timedelta() < left <= timedelta(minutes=1)


def forget_the_last_attempt(process: Process, email: str) -> None:
    """Have an attempt be long ago: as a text that both databases read as a time, in UTC."""
    zone = "+00" if process.database_url.startswith("postgresql") else ""
    moment = f"{LONG_AGO:%Y-%m-%d %H:%M:%S.%f}{zone}"
    query(
        process.database_url, "UPDATE attempts SET last_time = :moment WHERE email = :email", moment=moment, email=email
    )


async def test_a_locked_user_is_let_in_again_when_the_time_is_over_and_nobody_else_was_locked(
    process: Process, identity: Stub
) -> None:
    user, other = await created(identity), await created(identity)
    for _ in range(5):
        await wrong(identity, user.email)
    assert await ending(token(identity, user.email)) == LOCKED
    assert await ending(identity.ChangePassword(changing(user.email))) == LOCKED
    assert await token(identity, other.email)
    forget_the_last_attempt(process, user.email)
    assert await token(identity, user.email)


async def test_a_hundred_guesses_at_once_are_five(identity: Stub) -> None:
    email = (await created(identity)).email
    endings = await asyncio.gather(*(ending(token(identity, email, OTHER_WORDS)) for _ in range(100)))
    assert (endings.count(WRONG), endings.count(LOCKED)) == (5, 95)


async def test_the_right_password_clears_the_count(identity: Stub) -> None:
    user = await created(identity)
    for _ in range(2):
        for _ in range(4):
            await wrong(identity, user.email)
        assert await token(identity, user.email)


async def test_a_disabled_user_gets_no_token_and_only_who_knows_the_password_learns_why(identity: Stub) -> None:
    user = await created(identity)
    disabled = await disable(identity, user.name)
    assert (disabled.state, await get(identity, user.name)) == (DISABLED, disabled)
    assert await disable(identity, user.name) == disabled
    assert await ending(token(identity, user.email, OTHER_WORDS)) == WRONG
    assert await ending(token(identity, user.email)) == BARRED
    assert await ending(identity.ChangePassword(changing(user.email))) == BARRED


async def test_a_changed_password_is_the_only_one_from_then_on(identity: Stub) -> None:
    user = await created(identity)
    changed = (await identity.ChangePassword(changing(user.email))).user
    assert changed.etag != user.etag
    assert await get(identity, user.name) == changed
    assert await ending(token(identity, user.email)) == WRONG
    assert await token(identity, user.email, OTHER_WORDS)


async def test_a_password_is_changed_once_however_often_that_is_sent(identity: Stub) -> None:
    user = await created(identity)
    request = changing(user.email, request_id=new_id())
    # Less than an e-mail address may be given wrong passwords: those that come first count as attempts.
    replies = await asyncio.gather(*(identity.ChangePassword(request) for _ in range(4)), return_exceptions=True)
    reply = await identity.ChangePassword(request)
    assert {type(end) for end in replies} == {pb.ChangePasswordResponse}
    assert all(end == reply for end in replies)
    other = changing(user.email, new="a third horse", request_id=request.request_id)
    assert await ending(identity.ChangePassword(other)) == (INVALID, "REQUEST_ID_REUSED")
    assert await token(identity, user.email, OTHER_WORDS)


async def test_nobody_changes_a_password_that_they_do_not_know(identity: Stub) -> None:
    user = await created(identity)
    assert await ending(identity.ChangePassword(changing(user.email, current=OTHER_WORDS))) == WRONG
    assert await ending(identity.ChangePassword(changing(new_email()))) == WRONG
    assert await token(identity, user.email)


async def test_a_hash_of_older_parameters_is_made_anew_when_its_user_logs_in(process: Process, identity: Stub) -> None:
    user = await created(identity)
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(WORDS)
    values = {"hash": old, "email": user.email}
    query(process.database_url, "UPDATE users SET password_hash = :hash WHERE email = :email", **values)
    assert await token(identity, user.email)
    [[now]] = query(process.database_url, "SELECT password_hash FROM users WHERE email = :email", email=user.email)
    assert str(now).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await token(identity, user.email)


async def test_an_etag_keeps_one_change_from_undoing_another(identity: Stub) -> None:
    user = await created(identity)
    renamed = await rename(identity, user.name, "Countess", user.etag)
    assert (renamed.display_name, renamed.email) == ("Countess", user.email)
    error = await refused(rename(identity, user.name, "Ada", user.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await get(identity, user.name) == renamed
    assert (await rename(identity, user.name, "Ada", renamed.etag)).display_name == "Ada"
    assert (await rename(identity, user.name, "Augusta")).display_name == "Augusta"


async def test_one_of_many_who_saw_the_same_user_changes_it(identity: Stub) -> None:
    user = await created(identity)
    calls = (rename(identity, user.name, f"Ada {number}", user.etag) for number in range(10))
    ends = await asyncio.gather(*calls, return_exceptions=True)
    [renamed] = [end for end in ends if isinstance(end, pb.User)]
    assert await get(identity, user.name) == renamed


async def test_neither_the_email_address_nor_everything_can_be_updated(identity: Stub) -> None:
    user = await created(identity)
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
        (creating("a b"), ["request_id"]),
        (creating(email="ada"), ["user.email"]),
        (creating(email="ada@shop"), ["user.email"]),
        (creating(email="a da@shop.example"), ["user.email"]),
        (creating(email="ada\0@shop.example"), ["user.email"]),
        (creating(email=f"{'a' * 250}@shop.example"), ["user.email"]),
        (creating(email=f"{'İ' * 127}@shop.example"), ["user.email"]),
        (creating(name=""), ["user.display_name"]),
        (creating(name="n" * 101), ["user.display_name"]),
        (creating(password="1234567"), ["password"]),  # noqa: S106  # made up
        (creating(password="p" * 129), ["password"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_every_offending_field_of_a_new_user_is_named_and_nothing_is_stored(
    process: Process, identity: Stub, bad: pb.CreateUserRequest, fields: list[str]
) -> None:
    before = stored(process)
    error = await refused(identity.CreateUser(bad))
    assert (error.code, error.reason, error.fields) == (INVALID, "INVALID_FIELDS", fields)
    assert error.domain == "identity.shop.example"
    assert bad.password not in error.text or not bad.password
    assert stored(process) == before


async def test_every_offending_field_of_the_other_methods_is_named(identity: Stub) -> None:
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
async def test_a_user_who_does_not_exist_is_not_found(
    identity: Stub, call: Callable[[Stub, str], Awaitable[pb.User]]
) -> None:
    error = await refused(call(identity, f"users/{new_id()}"))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_neither_the_log_nor_the_database_tells_a_password_or_a_token(process: Process, identity: Stub) -> None:
    words = [f"secret words {uuid.uuid4()}" for _ in range(4)]
    email = new_email()
    await identity.CreateUser(creating(email=email, password=words[0]))
    await refused(identity.CreateUser(creating(email=email, password=words[1])))
    await refused(identity.CreateUser(creating(email="ada", password=words[1])))
    await refused(token(identity, email, words[2]))
    await identity.ChangePassword(changing(email, words[0], words[3]))
    text = await token(identity, email, words[3])
    tables = ("users", "attempts", "signing_keys", "requests")
    kept = "".join(str(row) for table in tables for row in query(process.database_url, f"SELECT * FROM {table}"))  # noqa: S608  # ours
    told = (process.folder / "out.log").read_text(encoding="utf-8") + process.errors()
    assert email in kept, "the rows are read"
    assert "/shop.identity.v1.IdentityService/IssueToken" in told, "the log is read"
    for secret in (*words, text, text.rsplit(".", 1)[1]):
        assert secret not in kept
        assert secret not in told
    assert email not in told
