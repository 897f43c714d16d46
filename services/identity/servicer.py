"""The gRPC methods of identity, and the status of each error."""

from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio
from google.protobuf.json_format import MessageToDict
from typing_extensions import override

from services.identity import domain, messages
from services.identity.handlers import Accounts
from services.identity.keyring import KeyRing
from services.identity.rotation import NextKeyTooNewError
from services.identity.vault import Vault
from services.runtime.rpc import ErrorStatus, ErrorTable, request_key, resource_id
from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc

ERRORS = ErrorTable(
    "identity.shop.example",
    {
        domain.UserNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND"),
        domain.EmailTakenError: ErrorStatus(grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN"),
        domain.EtagMismatchError: ErrorStatus(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"),
        domain.InvalidCredentialsError: ErrorStatus(grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS"),
        domain.TooManyAttemptsError: ErrorStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS"),
        domain.UserDisabledError: ErrorStatus(grpc.StatusCode.PERMISSION_DENIED, "USER_DISABLED"),
        NextKeyTooNewError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "NEXT_KEY_TOO_NEW"),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class IdentityServicer(identity_pb2_grpc.IdentityServiceServicer):
    """Implements shop.identity.v1.IdentityService."""

    def __init__(self, accounts: Accounts[pb.User], keys: KeyRing[pb.RotateKeysResponse], vault: Vault) -> None:
        self._accounts = accounts
        self._keys = keys
        self._fingerprint = vault.fingerprint

    @override
    async def CreateUser(self, request: pb.CreateUserRequest, context: Context) -> pb.CreateUserResponse:
        profile = messages.read_profile(request)
        key = messages.key_without_secrets(request, profile.email, self._fingerprint)
        return pb.CreateUserResponse(user=await self._accounts.create(key, profile, request.password))

    @override
    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        user = await self._accounts.get(resource_id(request.name))
        return pb.GetUserResponse(user=messages.write_user(user))

    @override
    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Context) -> pb.UpdateUserResponse:
        user_id, edit = resource_id(request.user.name), messages.read_edit(request)
        return pb.UpdateUserResponse(user=await self._accounts.update(request_key(request), user_id, edit))

    @override
    async def DisableUser(self, request: pb.DisableUserRequest, context: Context) -> pb.DisableUserResponse:
        user = await self._accounts.disable(request_key(request), resource_id(request.name))
        return pb.DisableUserResponse(user=user)

    @override
    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        change = messages.read_password_change(request)
        key = messages.key_without_secrets(request, change.email, self._fingerprint)
        return pb.ChangePasswordResponse(user=await self._accounts.change_password(key, change))

    @override
    async def IssueToken(self, request: pb.IssueTokenRequest, context: Context) -> pb.IssueTokenResponse:
        token = await self._accounts.log_in(messages.read_email(request.email), request.password)
        return messages.write_token(token)

    @override
    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        return messages.write_jwks(await self._keys.published_keys())

    @override
    async def RotateKeys(self, request: pb.RotateKeysRequest, context: Context) -> pb.RotateKeysResponse:
        return await self._keys.rotate(request_key(request))

    async def jwks_json(self) -> Mapping[str, object]:
        """Return the response of GetJwks as JSON, for clients that use HTTP."""
        return MessageToDict(messages.write_jwks(await self._keys.published_keys()))
