"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from services.identity.domain import Edit, PasswordChange, Profile, User
from services.identity.rotation import Rotation, SigningKey
from services.identity.tokens import ALGORITHM, Token
from services.runtime.rpc import request_key, to_timestamp
from services.runtime.storage import RequestKey
from shop.identity.v1 import identity_pb2 as pb

# 65537 as RFC 7518 writes it.
EXPONENT = "AQAB"

SecretRequestT = TypeVar("SecretRequestT", pb.CreateUserRequest, pb.ChangePasswordRequest)


def key_without_secrets(request: SecretRequestT, email: str, fingerprint: Callable[[str], str]) -> RequestKey:
    """Return the key of a request, with a fingerprint in place of each secret: the key is stored in the database.

    Its callers are not logged in, so the request_ids of each `email` are separate.
    """
    copy = type(request)()
    copy.CopyFrom(request)
    for field in copy.DESCRIPTOR.fields:
        if field.GetOptions().debug_redact:
            setattr(copy, field.name, fingerprint(getattr(copy, field.name)))
    return request_key(copy, scope=fingerprint(email))


def read_profile(request: pb.CreateUserRequest) -> Profile:
    """Return the data of the new user."""
    return Profile(read_email(request.user.email), request.user.display_name)


def read_email(text: str) -> str:
    """Return an e-mail address as it is stored."""
    return text.lower()


def read_password_change(request: pb.ChangePasswordRequest) -> PasswordChange:
    """Return the change of a password."""
    return PasswordChange(read_email(request.email), request.current_password, request.new_password)


def read_edit(request: pb.UpdateUserRequest) -> Edit:
    """Return the edit: of the fields in the mask, or without a mask of the display name."""
    user, paths = request.user, request.update_mask.paths or ["display_name"]
    return Edit(
        display_name=user.display_name if "display_name" in paths else None,
        roles=frozenset(user.roles) if "roles" in paths else None,
        etag=user.etag,
    )


def write_user(user: User) -> pb.User:
    """Build the message of a user."""
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
    """Build the response of a login."""
    return pb.IssueTokenResponse(access_token=token.text, expire_time=to_timestamp(token.expire_time))


def write_jwks(keys: Iterable[SigningKey]) -> pb.GetJwksResponse:
    """Build the JSON Web Key Set of the keys' public halves."""
    return pb.GetJwksResponse(
        keys=[pb.JsonWebKey(kty="RSA", use="sig", alg=ALGORITHM, kid=key.id, n=key.n, e=EXPONENT) for key in keys]
    )


def write_rotation(rotation: Rotation) -> pb.RotateKeysResponse:
    """Build the response of a rotation."""
    return pb.RotateKeysResponse(keys=map(_write_signing_key, rotation.keys))


def _write_signing_key(key: SigningKey) -> pb.SigningKey:
    return pb.SigningKey(
        key_id=key.id,
        state=pb.SigningKey.State.Value(f"STATE_{key.state.value}"),
        create_time=to_timestamp(key.create_time),
        update_time=to_timestamp(key.update_time),
    )
