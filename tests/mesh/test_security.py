"""Attempts to get past the gateway, by the hundred: what is counted is how many of them a service has answered."""

import asyncio
import base64
import hmac
import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping

import pytest
from cryptography.hazmat.primitives import serialization

from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from tests.conftest import Measured
from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import GRPC, http_request
from tests.mesh.signer import Signer

MUTATIONS, SEED = 300, 7
AT_ONCE = 16
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ,;%"
REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")
# What nobody outside may call, what a customer may not, and what needs a token.
PRIVATE, OTHERS, SIGNED_IN = (
    "/shop.orders.v1.OrdersService/ResumeOrder",
    "/shop.catalog.v1.CatalogService/CreateProduct",
    "/shop.orders.v1.OrdersService/ListOrders",
)
ALLOWED = "/shop.catalog.v1.CatalogService/GetProduct"
OPERATOR = "By=spiffe://cluster.local/ns/shop/sa/orders;URI=spiffe://cluster.local/ns/shop/sa/operator"
SPOOFS: list[dict[str, str]] = [
    {"x-forwarded-client-cert": OPERATOR},
    {"x-forwarded-client-cert": OPERATOR, "x-principal": "users/1", "x-forwarded-for": "127.0.0.1"},
    {"x-principal": "users/1"},
    {"x-envoy-original-path": ALLOWED},
    {"x-envoy-internal": "true"},
    {"x-envoy-decorator-operation": "orders"},
    {"x-envoy-force-trace": "1"},
    {"x-forwarded-proto": "https", "x-forwarded-host": "orders.shop.svc.cluster.local"},
    {"x-original-url": ALLOWED, "x-rewrite-url": ALLOWED},
    {"x-http-method-override": "GET"},
    {"host": "orders.shop.svc.cluster.local:50051"},
    {"authorization": "Basic b3BlcmF0b3I6"},
    {"connection": "close, x-principal, authorization"},
]


def readable(token: str) -> tuple[bytes, ...]:
    """Answer what a token's parts say: base64 has several ways to write the same."""
    return tuple(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))


def mutations(token: str, chance: random.Random) -> Iterator[str]:
    """Answer tokens that are that one, but for a byte or a piece."""
    while True:
        at, letter = chance.randrange(len(token)), chance.choice(LETTERS)
        changed = chance.choice(
            [
                token[:at] + letter + token[at + 1 :],
                token[:at] + letter + token[at:],
                token[:at] + token[at + 1 :],
                token[:at],
                token[at:],
                token[at:] + token[:at],
            ]
        ).strip()
        try:
            same = readable(changed) == readable(token)
        except ValueError:
            same = False
        if not same and changed:
            yield changed


def by_the_public_key(signer: Signer) -> str:
    """Sign with HMAC, the public key being the secret: it is known to all."""
    public = signer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, claims, _ = signer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": signer.key_id}).encode()).decode().rstrip("=")
    digest = hmac.digest(public, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def let_in(mesh: Mesh, tokens: Iterable[str]) -> tuple[int, list[str]]:
    """Answer how many tokens were tried, and those that were not refused, with how the call ended."""
    tried, found = 0, []
    async with dial(mesh.gateway) as channel:
        stub = orders_pb2_grpc.OrdersServiceStub(channel)
        for token in tokens:
            tried += 1
            metadata = (("authorization", f"Bearer {token}"),)
            request = pb.ListOrdersRequest(customer="customers/me")
            ended = await outcome_of(stub.ListOrders(request, metadata=metadata, timeout=20))
            if not ended.startswith(REFUSED):
                found.append(f"{token}: {ended}")
    return tried, found


async def test_no_token_but_a_good_one_lets_anybody_in(mesh: Mesh, measured: Measured) -> None:
    signer = Signer.of(mesh.home)
    good = signer.token()
    assert len((await let_in(mesh, [good]))[1]) == 1
    changed = mutations(good, random.Random(SEED))  # noqa: S311  # no secret
    forged = [
        by_the_public_key(signer),
        signer.unsigned_token(),
        signer.with_modified_claims(),
        Signer.with_unknown_key("none").token(),
    ]
    unnamed = [signer.token(sub=sub) for sub in ("", None)]
    tried, found = await let_in(mesh, [*forged, *unnamed, *(next(changed) for _ in range(MUTATIONS))])
    assert found == []
    measured(f"security: {tried} tokens that are not good, {len(found)} let in")


def tricks(path: str) -> Iterator[bytes]:
    """Answer other ways to write a path, and what somebody might take for it."""
    service, _, method = path[1:].partition("/")
    yield from (
        text.encode()
        for text in (
            *(
                path,
                f"/{path}",
                f"//{path}",
                f"/.{path}",
                f"/..{path}",
                f"/x/..{path}",
                f"{path}/",
                f"{path}/.",
                f"{path}/x/..",
            ),
            *(f"/{service}//{method}", f"/{service}/./{method}", f"/{service}/x/../{method}", f"/{service}\\{method}"),
            *(f"/{service}{slash}{method}" for slash in ("%2f", "%2F", "%5c", "%252f", "%c0%af", "%ef%bc%8f", ";/")),
            *(f"{ALLOWED}/../..{path}", f"{ALLOWED}/%2e%2e/%2e%2e{path}", f"{ALLOWED}/..%2f..%2f{path[1:]}"),
            *(f"{path}?", f"{path}?x", f"{path}#", f"{path}#x", f"{path};", f"{path};x", f"{path}%3f", f"{path}%23"),
            *(path.upper(), path.lower(), path.swapcase(), f"http://shop.example{path}", f"http://{service}/{method}"),
            *(f"/%{ord(service[0]):02x}{service[1:]}/{method}", f"/{service}/%{ord(method[0]):02x}{method[1:]}"),
        )
    )


def bytes_more(path: str) -> Iterator[bytes]:
    """Answer a path with each byte behind it, as it is and escaped."""
    yield from (path.encode() + bytes([byte]) for byte in range(1, 256))
    yield from (f"{path}%{byte:02x}".encode() for byte in range(256))


async def answered(mesh: Mesh, paths: Iterable[bytes], headers: Mapping[str, str], method: str) -> list[bytes]:
    """Answer the paths at which a service has answered."""
    found, turn = [], asyncio.Semaphore(AT_ONCE)

    async def attempt(path: bytes) -> None:
        async with turn:
            if (await http_request(mesh.gateway, path, headers, method=method, body=bytes(5))).from_service:
                found.append(path)

    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(attempt(path))
    return found


async def test_no_way_to_write_a_path_reaches_what_its_caller_may_not(mesh: Mesh, measured: Measured) -> None:
    assert await answered(mesh, [ALLOWED.encode()], GRPC, "POST") == [ALLOWED.encode()], "what is allowed is answered"
    signed_in = GRPC | {"authorization": f"Bearer {Signer.of(mesh.home).token(exp=int(time.time()) + 600)}"}
    tried = 0
    for paths, headers in (
        ([*tricks(PRIVATE), *bytes_more(PRIVATE)], signed_in),
        ([*tricks(OTHERS)], signed_in),
        ([*tricks(SIGNED_IN)], GRPC),
    ):
        tried += len(paths)
        assert await answered(mesh, paths, headers, "POST") == []
    measured(f"security: {tried} paths written otherwise, 0 past the gateway")


@pytest.mark.parametrize("spoof", SPOOFS, ids=" ".join)
async def test_no_header_makes_a_caller_somebody_else(mesh: Mesh, spoof: dict[str, str]) -> None:
    paths = [path.encode() for path in (PRIVATE, OTHERS, SIGNED_IN)]
    assert await answered(mesh, paths, GRPC | spoof, "POST") == []


@pytest.mark.parametrize("name", ["upstream-rq-timeout-ms", "upstream-rq-per-try-timeout-ms", "max-retries"])
async def test_nobody_outside_steers_the_gateways_envoy(mesh: Mesh, name: str) -> None:
    """A call that a client gives a millisecond would end with 504."""
    statuses = [
        (await http_request(mesh.gateway, "/v1/products/p-0001", {f"x-envoy-{name}": "1"})).status for _ in range(10)
    ]
    assert set(statuses) == {200}
