"""Between the contract's messages and the domain: requests are read, replies are written."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message

from services.identity.domain import Edit, Profile, User
from services.identity.handlers import Change
from services.identity.keyring import ALGORITHM, Rotation, Token
from services.identity.rotation import SigningKey
from services.runtime.rpc import to_timestamp
from shop.identity.v1 import identity_pb2 as pb

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
    """Answer whom to make a user of."""
    return Profile(read_email(request.user.email), request.user.display_name)


def read_email(text: str) -> str:
    """Answer an e-mail address as it is kept."""
    return text.lower()


def read_changing(request: pb.ChangePasswordRequest) -> Change:
    """Answer whose password is to be changed, and to what."""
    return Change(read_email(request.email), request.current_password, request.new_password)


def read_edit(request: pb.UpdateUserRequest) -> Edit:
    """Answer what is to become of the user: as the mask says, and without one another display name."""
    user, paths = request.user, request.update_mask.paths or ["display_name"]
    return Edit(
        display_name=user.display_name if "display_name" in paths else None,
        roles=frozenset(user.roles) if "roles" in paths else None,
        etag=user.etag,
    )


def write_user(user: User) -> pb.User:
    """Make the message of a user."""
    return pb.User(
        name=f"users/{user.id}",
        email=user.email,
        display_name=user.display_name,
        state=pb.User.State.Value(f"STATE_{user.state.value}"),
        create_time=to_timestamp(user.create_time),
        update_time=to_timestamp(user.update_time),
        etag=user.etag,
        roles=user.roles,
    )


def write_token(token: Token) -> pb.IssueTokenResponse:
    """Make the reply to a login."""
    return pb.IssueTokenResponse(access_token=token.text, expire_time=to_timestamp(token.expire_time))


def write_jwk(key: SigningKey) -> pb.JsonWebKey:
    """Make the message of a key's public half."""
    return pb.JsonWebKey(kty="RSA", use="sig", alg=ALGORITHM, kid=key.id, n=key.n, e=EXPONENT)


def write_signing_key(key: SigningKey) -> pb.SigningKey:
    """Make the message of what a key is used for."""
    return pb.SigningKey(
        key_id=key.id,
        state=pb.SigningKey.State.Value(f"STATE_{key.state.value}"),
        create_time=to_timestamp(key.create_time),
        update_time=to_timestamp(key.update_time),
    )


def write_rotation(rotation: Rotation) -> pb.RotateKeysResponse:
    """Make the reply to RotateKeys."""
    return pb.RotateKeysResponse(keys=map(write_signing_key, rotation.keys))
