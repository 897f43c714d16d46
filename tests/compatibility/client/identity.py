"""Checks identity: create a user, log in, change the password, disable the user."""

import grpc
import grpc.aio
import jwt
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, new_id, status_of
from tests.support.errors import refused


async def check(channel: grpc.aio.Channel) -> None:
    """Call every method, and check the responses."""
    stub = identity_pb2_grpc.IdentityServiceStub(channel)
    email, password, new_password = f"{new_id()}@shop.example", new_id(), new_id()
    creating = pb.CreateUserRequest(
        request_id=new_id(), user=pb.User(email=email, display_name="Ada"), password=password
    )
    user = (await stub.CreateUser(creating)).user
    assert (user.email, user.display_name, user.state) == (email, "Ada", pb.User.STATE_ACTIVE)
    assert (await stub.CreateUser(creating)).user == user
    assert (await stub.GetUser(pb.GetUserRequest(name=user.name))).user == user
    update = pb.User(name=user.name, display_name="Countess")
    renaming = pb.UpdateUserRequest(request_id=new_id(), user=update, update_mask=FieldMask(paths=["display_name"]))
    renamed = (await stub.UpdateUser(renaming)).user
    assert (renamed.display_name, renamed.email) == ("Countess", email)

    await _log_in(stub, user, password)
    changing = pb.ChangePasswordRequest(
        request_id=new_id(), email=email, current_password=password, new_password=new_password
    )
    assert (await stub.ChangePassword(changing)).user.name == user.name
    error = await refused(stub.IssueToken(pb.IssueTokenRequest(email=email, password=password)))
    assert status_of(error) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS")
    await _log_in(stub, user, new_password)
    disabled = (await stub.DisableUser(pb.DisableUserRequest(request_id=new_id(), name=user.name))).user
    assert disabled.state == pb.User.STATE_DISABLED
    error = await refused(stub.IssueToken(pb.IssueTokenRequest(email=email, password=new_password)))
    assert status_of(error) == (grpc.StatusCode.PERMISSION_DENIED, "USER_DISABLED")
    error = await refused(stub.RotateKeys(pb.RotateKeysRequest(request_id=new_id())))
    assert status_of(error) == (PRECONDITION, "NEXT_KEY_TOO_NEW")


async def _log_in(stub: "identity_pb2_grpc.IdentityServiceAsyncStub", user: pb.User, password: str) -> None:
    """Get a token, and verify it with the published keys."""
    token = (await stub.IssueToken(pb.IssueTokenRequest(email=user.email, password=password))).access_token
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [key for key in (await stub.GetJwks(pb.GetJwksRequest())).keys if key.kid == kid]
    public = jwt.PyJWK({"kty": key.kty, "alg": key.alg, "use": key.use, "kid": key.kid, "n": key.n, "e": key.e})
    claims = jwt.decode(token, public, ["RS256"], options={"verify_aud": False})
    assert claims["sub"] == user.name
