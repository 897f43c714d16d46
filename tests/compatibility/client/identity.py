"""identity: a user is made, proves who they are, changes their password, and is barred."""

import grpc
import grpc.aio
import jwt
from google.protobuf.field_mask_pb2 import FieldMask

from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, kind, new_id
from tests.services.refusals import refused


async def go(channel: grpc.aio.Channel) -> None:
    """Make the round."""
    stub = identity_pb2_grpc.IdentityServiceStub(channel)
    email, words, others = f"{new_id()}@shop.example", new_id(), new_id()
    creating = pb.CreateUserRequest(request_id=new_id(), user=pb.User(email=email, display_name="Ada"), password=words)
    user = (await stub.CreateUser(creating)).user
    assert (user.email, user.display_name, user.state) == (email, "Ada", pb.User.STATE_ACTIVE)
    assert (await stub.CreateUser(creating)).user == user
    assert (await stub.GetUser(pb.GetUserRequest(name=user.name))).user == user
    update = pb.User(name=user.name, display_name="Countess")
    renaming = pb.UpdateUserRequest(request_id=new_id(), user=update, update_mask=FieldMask(paths=["display_name"]))
    renamed = (await stub.UpdateUser(renaming)).user
    assert (renamed.display_name, renamed.email) == ("Countess", email)

    await _sign_in(stub, user, words)
    changing = pb.ChangePasswordRequest(request_id=new_id(), email=email, current_password=words, new_password=others)
    assert (await stub.ChangePassword(changing)).user.name == user.name
    error = await refused(stub.IssueToken(pb.IssueTokenRequest(email=email, password=words)))
    assert kind(error) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS")
    await _sign_in(stub, user, others)
    disabled = (await stub.DisableUser(pb.DisableUserRequest(request_id=new_id(), name=user.name))).user
    assert disabled.state == pb.User.STATE_DISABLED
    error = await refused(stub.IssueToken(pb.IssueTokenRequest(email=email, password=others)))
    assert kind(error) == (grpc.StatusCode.PERMISSION_DENIED, "USER_DISABLED")
    error = await refused(stub.RotateKeys(pb.RotateKeysRequest(request_id=new_id())))
    assert kind(error) == (PRECONDITION, "NEXT_KEY_TOO_NEW")


async def _sign_in(stub: "identity_pb2_grpc.IdentityServiceAsyncStub", user: pb.User, password: str) -> None:
    """Have a token issued, and verify it with the published keys."""
    token = (await stub.IssueToken(pb.IssueTokenRequest(email=user.email, password=password))).access_token
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [key for key in (await stub.GetJwks(pb.GetJwksRequest())).keys if key.kid == kid]
    public = jwt.PyJWK({"kty": key.kty, "alg": key.alg, "use": key.use, "kid": key.kid, "n": key.n, "e": key.e})
    claims = jwt.decode(token, public, ["RS256"], options={"verify_aud": False})
    assert claims["sub"] == user.name
