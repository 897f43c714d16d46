"""Tokens at the gateway: which calls each token allows, and that no token is accepted without keys."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable

import grpc.aio
import jwt
import pytest
from google.type.money_pb2 import Money

from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from tests.mesh.calls import Call, Shop, SteadyCalls, outcome_of
from tests.mesh.harness import MESH, Mesh, dial
from tests.mesh.signer import Signer, key_database_url
from tests.support.clock import eventually
from tests.support.databases import query
from tests.support.report import Measured

OK, DENIED = "OK", "PERMISSION_DENIED RBAC: access denied"
NO_KEYS = "UNAUTHENTICATED Jwks remote fetch is failed"
MERCHANDISER = "merchandiser"


@pytest.fixture
def identity(mesh: Mesh) -> Signer:
    return Signer.of(mesh.home)


async def outcomes(mesh: Mesh, token: str) -> tuple[str, str]:
    """Return the outcomes with a token of a method for users, and of a method for anyone."""
    async with dial(mesh.gateway, token=token) as channel:
        shop = Shop(channel)
        return await outcome_of(shop.list_orders()), await outcome_of(shop.get_product())


async def test_a_token_from_identity_is_accepted(mesh: Mesh, identity: Signer) -> None:
    assert await outcomes(mesh, await mesh.token()) == (OK, OK)
    assert await outcomes(mesh, identity.token()) == (OK, OK), "the tests sign like identity"


async def test_without_a_token_only_public_methods_are_allowed(mesh: Mesh) -> None:
    assert await outcomes(mesh, "") == (DENIED, OK)


BAD: dict[str, tuple[Callable[[Signer], str], str]] = {
    "with a random signature": (lambda signer: f"{signer.token().rpartition('.')[0]}.{'x' * 342}", "UNAUTHENTICATED"),
    "with modified claims": (Signer.with_modified_claims, "UNAUTHENTICATED"),
    "signed by another key": (lambda signer: Signer.with_unknown_key(signer.key_id).token(), "UNAUTHENTICATED"),
    "with an unknown key id": (lambda _: Signer.with_unknown_key("0123456789abcdef").token(), "UNAUTHENTICATED"),
    "without a signature": (Signer.unsigned_token, "UNAUTHENTICATED"),
    "that is not a JWT": (lambda _: "token", "UNAUTHENTICATED"),
    # Envoy allows a clock difference of one minute.
    "that has expired": (lambda signer: signer.token(expires_in=-70), "UNAUTHENTICATED Jwt is expired"),
    "of another issuer": (lambda signer: signer.token(iss="https://accounts.example"), "UNAUTHENTICATED"),
    # Envoy considers it valid, but not for this audience.
    "for another audience": (lambda signer: signer.token(aud="https://bank.example"), "PERMISSION_DENIED Audiences"),
}


@pytest.mark.parametrize("token_type", BAD)
async def test_a_bad_token_is_refused_even_by_public_methods(mesh: Mesh, identity: Signer, token_type: str) -> None:
    create, expected = BAD[token_type]
    results = await outcomes(mesh, create(identity))
    assert [outcome for outcome in results if not outcome.startswith(expected)] == []


def status_over_http(mesh: Mesh, token: str) -> int:
    """List orders as JSON with a token. Return the HTTP status."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://{mesh.gateway}/v1/orders?customer=customers/me", headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_http_statuses_distinguish_a_missing_permission_from_a_bad_token(mesh: Mesh, identity: Signer) -> None:
    for token, status in (
        (await mesh.token(), 200),
        ("", 403),
        (identity.token(aud="https://bank.example"), 403),
        (identity.token(expires_in=-70), 401),
    ):
        assert status_over_http(mesh, token) == status


async def create_product(channel: grpc.aio.Channel) -> pb.Product:
    """Create a product."""
    product = pb.Product(display_name="Kettle", category="kettles", price=Money(currency_code="EUR", units=49))
    request = pb.CreateProductRequest(request_id=str(uuid.uuid4()), product_id=str(uuid.uuid4()), product=product)
    return (await catalog_pb2_grpc.CatalogServiceStub(channel).CreateProduct(request, timeout=30)).product


async def test_only_merchandisers_may_edit_the_catalog(mesh: Mesh) -> None:
    async with dial(mesh.gateway, token=await mesh.token(MERCHANDISER)) as channel:
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        product = await create_product(channel)
        product.discontinued = True
        edit = pb.UpdateProductRequest(request_id=str(uuid.uuid4()), product=product)
        assert (await catalog.UpdateProduct(edit, timeout=30)).product.discontinued
    for token in (await mesh.token(), ""):
        async with dial(mesh.gateway, token=token) as channel:
            catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
            assert await outcome_of(create_product(channel)) == DENIED
            assert await outcome_of(catalog.UpdateProduct(edit, timeout=30)) == DENIED


async def test_only_roles_that_identity_has_signed_count(mesh: Mesh, identity: Signer) -> None:
    other_key = Signer.with_unknown_key(identity.key_id)
    for token, expected in (
        (other_key.token(roles=["customer", MERCHANDISER]), "UNAUTHENTICATED"),
        (identity.token(roles=["customer", f"{MERCHANDISER}s"]), DENIED),
        (identity.token(roles=f"customer {MERCHANDISER}"), DENIED),
        (identity.token(roles=[MERCHANDISER]), OK),
    ):
        async with dial(mesh.gateway, token=token) as channel:
            assert (await outcome_of(create_product(channel))).startswith(expected)


async def list_orders_with_new_token(mesh: Mesh, channel: grpc.aio.Channel) -> None:
    """Get a new token as the demo user, and use it."""
    user = json.loads((mesh.home / "user-customer.json").read_text())
    request = identity_pb2.IssueTokenRequest(email=user["email"], password=user["password"])
    issued = await identity_pb2_grpc.IdentityServiceStub(channel).IssueToken(request, timeout=30)
    metadata = (("authorization", f"Bearer {issued.access_token}"),)
    listing = orders_pb2.ListOrdersRequest(customer="customers/me", page_size=1)
    await orders_pb2_grpc.OrdersServiceStub(channel).ListOrders(listing, metadata=metadata, timeout=30)


async def test_no_call_fails_while_keys_are_rotated(
    mesh: Mesh, shop: Shop, identity: Signer, measured: Measured
) -> None:
    before = await mesh.token()
    # Keys can be rotated only when the next key is one hour old.
    query(
        key_database_url(mesh.home), "UPDATE signing_keys SET create_time = '2026-01-01 00:00:00' WHERE state = 'NEXT'"
    )
    words = ["call", "shop.identity.v1.IdentityService/RotateKeys", json.dumps({"request_id": str(uuid.uuid4())})]
    async with dial(mesh.gateway) as channel:
        steady: dict[str, Call] = {
            "with an old token": shop.list_orders,
            "with a new token": lambda: list_orders_with_new_token(mesh, channel),
        }
        async with SteadyCalls(steady) as calls:
            run = await mesh.run(MESH, *words, within=120)
            assert run.returncode == 0, run.stdout + run.stderr
            fresh = Mesh(mesh.name, mesh.environment)
            after = await fresh.token()
            rotated = calls.made.total()
            async for attempt in eventually(20):
                with attempt:
                    assert calls.made.total() >= rotated + 20
    assert calls.failed == []
    measured(f"keys rotated under {calls.made.total()} calls: {len(calls.failed)} failed")
    assert jwt.get_unverified_header(before)["kid"] == identity.key_id
    assert jwt.get_unverified_header(after)["kid"] == Signer.of(mesh.home).key_id != identity.key_id
    for token in (after, before):
        assert await outcomes(mesh, token) == (OK, OK)


@pytest.mark.prove
async def test_the_gateway_keeps_its_keys_while_identity_is_down_and_accepts_no_token_without_keys(mesh: Mesh) -> None:
    token = await mesh.token()
    # It fetches the keys before it sees a token.
    await mesh.restart("shop-gateway", "shop-ingress")
    async with mesh.scaled("deployment/identity", 0):
        assert await outcomes(mesh, token) == (OK, OK)
        forged, _ = await outcomes(mesh, f"{token.rpartition('.')[0]}.{'x' * 342}")
        # Istio's filter names the reason. It fetches keys only when it needs them, and has none yet.
        assert forged.startswith("UNAUTHENTICATED Jw")
        await mesh.restart("shop-gateway", "shop-ingress")
        assert await outcomes(mesh, token) == (NO_KEYS, NO_KEYS)
        assert await outcomes(mesh, "") == (DENIED, OK)
    async for attempt in eventually(10):
        with attempt:
            assert await outcomes(mesh, token) == (OK, OK)
