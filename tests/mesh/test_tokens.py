"""Tokens at the gateway: who is let in with which, and that nobody is while it cannot tell."""

import json
import time
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
from tests.conftest import Measured
from tests.mesh.calls import Call, Shop, SteadyCalls, outcome_of
from tests.mesh.harness import MESH, Mesh, dial, eventually
from tests.mesh.signer import Signer, key_database_url
from tests.services.databases import query

OK, DENIED = "OK", "PERMISSION_DENIED RBAC: access denied"
NO_KEYS = "UNAUTHENTICATED Jwks remote fetch is failed"
MERCHANDISER = "merchandiser"


@pytest.fixture
def identity(mesh: Mesh) -> Signer:
    return Signer.of(mesh.home)


async def outcomes(mesh: Mesh, token: str) -> tuple[str, str]:
    """Answer how a call that users may make ends with a token, and one that anybody may."""
    async with dial(mesh.gateway, token=token) as channel:
        shop = Shop(channel)
        return await outcome_of(shop.list_orders()), await outcome_of(shop.get_product())


async def test_a_token_that_identity_has_signed_lets_its_user_in(mesh: Mesh, identity: Signer) -> None:
    assert await outcomes(mesh, await mesh.token()) == (OK, OK)
    assert await outcomes(mesh, identity.token()) == (OK, OK), "the tests sign as identity does"


async def test_who_has_no_token_is_let_in_where_anybody_is(mesh: Mesh) -> None:
    assert await outcomes(mesh, "") == (DENIED, OK)


BAD: dict[str, tuple[Callable[[Signer], str], str]] = {
    "with a made up signature": (lambda signer: f"{signer.token().rpartition('.')[0]}.{'x' * 342}", "UNAUTHENTICATED"),
    "with other claims": (Signer.with_modified_claims, "UNAUTHENTICATED"),
    "of a stranger": (lambda signer: Signer.with_unknown_key(signer.key_id).token(), "UNAUTHENTICATED"),
    "of an unknown key": (lambda _: Signer.with_unknown_key("0123456789abcdef").token(), "UNAUTHENTICATED"),
    "without a signature": (Signer.unsigned_token, "UNAUTHENTICATED"),
    "that is none": (lambda _: "token", "UNAUTHENTICATED"),
    # Envoy lets clocks differ by a minute.
    "that has expired": (lambda signer: signer.token(exp=int(time.time()) - 70), "UNAUTHENTICATED Jwt is expired"),
    "of another issuer": (lambda signer: signer.token(iss="https://accounts.example"), "UNAUTHENTICATED"),
    # Envoy takes it for good, but not here.
    "for another audience": (lambda signer: signer.token(aud="https://bank.example"), "PERMISSION_DENIED Audiences"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_refused_even_where_anybody_is_let_in(mesh: Mesh, identity: Signer, kind: str) -> None:
    make, told = BAD[kind]
    ended = await outcomes(mesh, make(identity))
    assert [outcome for outcome in ended if not outcome.startswith(told)] == []


def status_over_http(mesh: Mesh, token: str) -> int:
    """Ask for orders as JSON, with a token; answer HTTP's status."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://{mesh.gateway}/v1/orders?customer=customers/me", headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_over_http_who_is_not_known_is_told_so_by_its_own_status(mesh: Mesh, identity: Signer) -> None:
    for token, status in (
        (await mesh.token(), 200),
        ("", 403),
        (identity.token(aud="https://bank.example"), 403),
        (identity.token(exp=int(time.time()) - 70), 401),
    ):
        assert status_over_http(mesh, token) == status


async def created(channel: grpc.aio.Channel) -> pb.Product:
    """Put a product into the catalogue."""
    product = pb.Product(display_name="Kettle", category="kettles", price=Money(currency_code="EUR", units=49))
    request = pb.CreateProductRequest(request_id=str(uuid.uuid4()), product_id=str(uuid.uuid4()), product=product)
    return (await catalog_pb2_grpc.CatalogServiceStub(channel).CreateProduct(request, timeout=30)).product


async def test_merchandisers_edit_the_catalogue_and_nobody_else_does(mesh: Mesh) -> None:
    async with dial(mesh.gateway, token=await mesh.token(MERCHANDISER)) as channel:
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        product = await created(channel)
        product.discontinued = True
        edit = pb.UpdateProductRequest(request_id=str(uuid.uuid4()), product=product)
        assert (await catalog.UpdateProduct(edit, timeout=30)).product.discontinued
    for token in (await mesh.token(), ""):
        async with dial(mesh.gateway, token=token) as channel:
            catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
            assert await outcome_of(created(channel)) == DENIED
            assert await outcome_of(catalog.UpdateProduct(edit, timeout=30)) == DENIED


async def test_a_role_that_nobody_gave_is_worth_nothing(mesh: Mesh, identity: Signer) -> None:
    stranger = Signer.with_unknown_key(identity.key_id)
    for token, told in (
        (stranger.token(roles=["customer", MERCHANDISER]), "UNAUTHENTICATED"),
        (identity.token(roles=["customer", f"{MERCHANDISER}s"]), DENIED),
        (identity.token(roles=f"customer {MERCHANDISER}"), DENIED),
        (identity.token(roles=[MERCHANDISER]), OK),
    ):
        async with dial(mesh.gateway, token=token) as channel:
            assert (await outcome_of(created(channel))).startswith(told)


async def signed_in_and_asked(mesh: Mesh, channel: grpc.aio.Channel) -> None:
    """Take a new token as the demo's user, and use it."""
    user = json.loads((mesh.home / "user-customer.json").read_text())
    asked = identity_pb2.IssueTokenRequest(email=user["email"], password=user["password"])
    issued = await identity_pb2_grpc.IdentityServiceStub(channel).IssueToken(asked, timeout=30)
    metadata = (("authorization", f"Bearer {issued.access_token}"),)
    listing = orders_pb2.ListOrdersRequest(customer="customers/me", page_size=1)
    await orders_pb2_grpc.OrdersServiceStub(channel).ListOrders(listing, metadata=metadata, timeout=30)


async def test_keys_are_rotated_and_no_call_fails(mesh: Mesh, shop: Shop, identity: Signer, measured: Measured) -> None:
    before = await mesh.token()
    # The next key is to be an hour old.
    query(
        key_database_url(mesh.home), "UPDATE signing_keys SET create_time = '2026-01-01 00:00:00' WHERE state = 'NEXT'"
    )
    words = ["call", "shop.identity.v1.IdentityService/RotateKeys", json.dumps({"request_id": str(uuid.uuid4())})]
    async with dial(mesh.gateway) as channel:
        kinds: dict[str, Call] = {
            "with a token of before": shop.list_orders,
            "with a token of now": lambda: signed_in_and_asked(mesh, channel),
        }
        async with SteadyCalls(kinds) as calls:
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
async def test_the_gateway_keeps_the_keys_while_identity_is_away_and_without_them_lets_no_token_in(mesh: Mesh) -> None:
    token = await mesh.token()
    # It has asked for the keys before it saw a token.
    await mesh.restart("ingressgateway", "istio-ingress")
    async with mesh.scaled("deployment/identity", 0):
        assert await outcomes(mesh, token) == (OK, OK)
        forged, _ = await outcomes(mesh, f"{token.rpartition('.')[0]}.{'x' * 342}")
        assert forged.startswith("UNAUTHENTICATED Jwt verification fails")
        await mesh.restart("ingressgateway", "istio-ingress")
        assert await outcomes(mesh, token) == (NO_KEYS, NO_KEYS)
        assert await outcomes(mesh, "") == (DENIED, OK)
    async for attempt in eventually(10):
        with attempt:
            assert await outcomes(mesh, token) == (OK, OK)
