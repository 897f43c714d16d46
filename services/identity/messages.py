"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

import re
from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message

from services.identity.domain import Profile, User
from services.identity.handlers import Change, Naming
from services.identity.keyring import ALGORITHM, Rotation, Token
from services.identity.rotation import SigningKey
from services.runtime import Check
from services.runtime.instants import timestamp
from shop.identity.v1 import identity_pb2 as pb

LONGEST_EMAIL = 254
LONGEST_NAME = 100
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
DISPLAY_NAME = "display_name"
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@.\s\x00-\x1f\x7f]+")
# 65537 as RFC 7518 writes it.
EXPONENT = "AQAB"

Request = TypeVar("Request", bound=Message)


def without_secrets(request: Request, mark: Callable[[str], str]) -> Request:
    """Answer a copy of a request in which a mark stands for each secret: what is remembered must not tell passwords."""
    copy = type(request)()
    copy.CopyFrom(request)
    for field in copy.DESCRIPTOR.fields:
        if field.GetOptions().debug_redact:
            setattr(copy, field.name, mark(getattr(copy, field.name)))
    return copy


def read_creating(request: pb.CreateUserRequest) -> Profile:
    """Answer whom to make a user of. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        email = _read_email("user.email", request.user.email, check)
        name = check.text("user.display_name", request.user.display_name, longest=LONGEST_NAME)
        check.text("password", request.password, shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD)
    return Profile(email, name)


def read_user_name(request: pb.GetUserRequest) -> str:
    """Answer the user that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "users")


def read_updating(request: pb.UpdateUserRequest) -> tuple[str, Naming]:
    """Answer the user, and what the user is to be called. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        user_id = check.resource("user.name", request.user.name, "users")
        name = check.text("user.display_name", request.user.display_name, longest=LONGEST_NAME)
        others = set(request.update_mask.paths) - {DISPLAY_NAME}
        check.that("update_mask", f"must name {DISPLAY_NAME} alone, or nothing", holds=not others)
    return user_id, Naming(name, request.user.etag)


def read_disabling(request: pb.DisableUserRequest) -> str:
    """Answer the user that is to be disabled. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return check.resource("name", request.name, "users")


def read_changing(request: pb.ChangePasswordRequest) -> Change:
    """Answer whose password is to be changed, and to what. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        email = _read_email("email", request.email, check)
        check.text("current_password", request.current_password, longest=LONGEST_PASSWORD)
        check.text("new_password", request.new_password, shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD)
    return Change(email, request.current_password, request.new_password)


def read_login(request: pb.IssueTokenRequest) -> str:
    """Answer the e-mail address of who wants in. Raises InvalidFieldsError."""
    with Check() as check:
        email = _read_email("email", request.email, check)
        check.text("password", request.password, longest=LONGEST_PASSWORD)
    return email


def read_rotating(request: pb.RotateKeysRequest) -> None:
    """Check the request. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)


def write_user(user: User) -> pb.User:
    """Make the message of a user."""
    return pb.User(
        name=f"users/{user.id}",
        email=user.email,
        display_name=user.display_name,
        state=pb.User.State.Value(f"STATE_{user.state.value}"),
        create_time=timestamp(user.create_time),
        update_time=timestamp(user.update_time),
        etag=user.etag,
    )


def write_token(token: Token) -> pb.IssueTokenResponse:
    """Make the reply to a login."""
    return pb.IssueTokenResponse(access_token=token.text, expire_time=timestamp(token.expire_time))


def write_jwk(key: SigningKey) -> pb.JsonWebKey:
    """Make the message of a key's public half."""
    return pb.JsonWebKey(kty="RSA", use="sig", alg=ALGORITHM, kid=key.id, n=key.n, e=EXPONENT)


def write_signing_key(key: SigningKey) -> pb.SigningKey:
    """Make the message of what a key is used for."""
    return pb.SigningKey(
        key_id=key.id,
        state=pb.SigningKey.State.Value(f"STATE_{key.state.value}"),
        create_time=timestamp(key.create_time),
        update_time=timestamp(key.update_time),
    )


def write_rotation(rotation: Rotation) -> pb.RotateKeysResponse:
    """Make the reply to RotateKeys."""
    return pb.RotateKeysResponse(keys=map(write_signing_key, rotation.keys))


def _read_email(field: str, value: str, check: Check) -> str:
    # Some letters are two in lower case: what is kept must fit.
    email = value.lower()
    fits = len(email) <= LONGEST_EMAIL and bool(EMAIL.fullmatch(email))
    check.that(field, f"must be an e-mail address of at most {LONGEST_EMAIL} characters", holds=fits)
    return email
