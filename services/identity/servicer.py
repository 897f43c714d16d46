"""The contract's methods: read the request, hand it to its handler, write the reply. And how errors are told."""

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
from services.runtime.rpc import ErrorStatus, ErrorTable, resource_id
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
    """shop.identity.v1.IdentityService."""

    def __init__(self, accounts: Accounts, keys: KeyRing, vault: Vault) -> None:
        self._accounts = accounts
        self._keys = keys
        self._mark = vault.mark

    @override
    async def CreateUser(self, request: pb.CreateUserRequest, context: Context) -> pb.CreateUserResponse:
        profile = messages.read_creating(request)
        marked = messages.without_secrets(request, self._mark)
        user = await self._accounts.create(marked, profile, request.password, messages.write_user)
        return pb.CreateUserResponse(user=user)

    @override
    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        user = await self._accounts.user(resource_id(request.name))
        return pb.GetUserResponse(user=messages.write_user(user))

    @override
    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Context) -> pb.UpdateUserResponse:
        user_id, edit = resource_id(request.user.name), messages.read_edit(request)
        return pb.UpdateUserResponse(user=await self._accounts.update(request, user_id, edit, messages.write_user))

    @override
    async def DisableUser(self, request: pb.DisableUserRequest, context: Context) -> pb.DisableUserResponse:
        user_id = resource_id(request.name)
        return pb.DisableUserResponse(user=await self._accounts.disable(request, user_id, messages.write_user))

    @override
    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        asked = messages.read_changing(request)
        marked = messages.without_secrets(request, self._mark)
        user = await self._accounts.change_password(marked, asked, messages.write_user)
        return pb.ChangePasswordResponse(user=user)

    @override
    async def IssueToken(self, request: pb.IssueTokenRequest, context: Context) -> pb.IssueTokenResponse:
        email = messages.read_email(request.email)
        return messages.write_token(await self._accounts.log_in(email, request.password))

    @override
    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        return await self._jwks()

    @override
    async def RotateKeys(self, request: pb.RotateKeysRequest, context: Context) -> pb.RotateKeysResponse:
        return await self._keys.rotate(request, messages.write_rotation)

    async def jwks(self) -> Mapping[str, object]:
        """Answer what GetJwks does, as JSON: for those who ask over HTTP."""
        return MessageToDict(await self._jwks())

    async def _jwks(self) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(keys=map(messages.write_jwk, await self._keys.shown()))
