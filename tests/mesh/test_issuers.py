"""A second issuer of tokens beside identity, in whichever order istiod sorts the two."""

import json
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Manifest, Mesh, dial
from tests.mesh.raw_http import http_request
from tests.mesh.signer import Signer
from tests.support.clock import eventually

KEY_ID, ORDERS = "partner", "/v1/orders?customer=customers/me"
OK, DENIED = "OK", "PERMISSION_DENIED RBAC: access denied"


def request_authentication(signer: Signer, issuer: str) -> Manifest:
    """Build the RequestAuthentication of a partner whose keys are known."""
    key: dict[str, Any] = RSAAlgorithm.to_jwk(signer.key.public_key(), as_dict=True)
    keys = {"keys": [key | {"kid": KEY_ID, "alg": "RS256", "use": "sig"}]}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": "partner", "namespace": "shop-ingress"},
        "spec": {
            "selector": {"matchLabels": {"app": "shop-gateway"}},
            "jwtRules": [{"issuer": issuer, "audiences": ["https://shop.example"], "jwks": json.dumps(keys)}],
        },
    }


def partner_policy(issuer: str) -> Manifest:
    """Build the AuthorizationPolicy that lets users of the partner read a private path."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "partner", "namespace": "shop-ingress"},
        "spec": {
            "selector": {"matchLabels": {"app": "shop-gateway"}},
            "rules": [
                {
                    "from": [{"source": {"requestPrincipals": [f"{issuer}/*"]}}],
                    "to": [{"operation": {"paths": ["/shop.orders.v1.OrdersService/ListOrders"]}}],
                }
            ],
        },
    }


async def outcomes(mesh: Mesh, token: str) -> tuple[str, str]:
    """Return the outcomes with a token of a method for users, and of a method for anyone."""
    async with dial(mesh.gateway, token=token) as channel:
        shop = Shop(channel)
        return await outcome_of(shop.list_orders()), await outcome_of(shop.get_product())


@pytest.mark.parametrize("issuer", ["https://accounts.example", "https://partner.example"])
async def test_a_second_issuer_neither_replaces_identity_nor_is_replaced(mesh: Mesh, issuer: str) -> None:
    assert issuer != "https://identity.shop.example"
    identity, partner = Signer.of(mesh.home), Signer.with_unknown_key(KEY_ID)
    partner_token = partner.token(iss=issuer, sub="partners/1")
    async with mesh.applied(request_authentication(partner, issuer)):
        async for attempt in eventually(10):
            with attempt:
                # Valid, but the contracts allow only users of identity.
                assert await outcomes(mesh, partner_token) == (DENIED, OK)
        assert await outcomes(mesh, identity.token()) == (OK, OK)
        for forged in (
            partner.token(),
            identity.token(iss=issuer),
            partner.token(iss="https://other.example"),
            f"{partner_token.rpartition('.')[0]}.{'x' * 342}",
        ):
            for outcome in await outcomes(mesh, forged):
                assert outcome.startswith("UNAUTHENTICATED")
        # Orders itself refuses a call without x-principal, which the gateway sets only for users of identity.
        async with mesh.applied(partner_policy(issuer)):
            async for attempt in eventually(10):
                with attempt:
                    response = await http_request(mesh.gateway, ORDERS, {"authorization": f"Bearer {partner_token}"})
                    assert (response.status, response.from_service) == (403, True)
        assert await outcomes(mesh, identity.token()) == (OK, OK)
    async for attempt in eventually(10):
        with attempt:
            assert (await outcomes(mesh, partner_token))[1].startswith("UNAUTHENTICATED")
