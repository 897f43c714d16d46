"""Hundreds of attempts to bypass the gateway. The tests count how many of them reach a service."""

import asyncio
import base64
import hmac
import json
import random
import uuid
from collections.abc import Iterable, Iterator, Mapping

import pytest
from cryptography.hazmat.primitives import serialization

from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import GRPC, http_request
from tests.mesh.signer import Signer
from tests.support.clock import eventually
from tests.support.report import Measured

MUTATIONS, SEED = 300, 7
CONCURRENCY = 16
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ,;%"
REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")
# A method for no one outside, a method for another role, and a method that requires a token.
PRIVATE, OTHER_ROLE, REQUIRES_TOKEN = (
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


def decoded(token: str) -> tuple[bytes, ...]:
    """Return the decoded parts of a token, because different base64 texts can have the same content."""
    return tuple(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))


def mutations(token: str, rng: random.Random) -> Iterator[str]:
    """Yield tokens that differ from a valid one by a character or a part."""
    while True:
        index, character = rng.randrange(len(token)), rng.choice(CHARACTERS)
        changed = rng.choice(
            [
                token[:index] + character + token[index + 1 :],
                token[:index] + character + token[index:],
                token[:index] + token[index + 1 :],
                token[:index],
                token[index:],
                token[index:] + token[:index],
            ]
        ).strip()
        try:
            same = decoded(changed) == decoded(token)
        except ValueError:
            same = False
        if not same and changed:
            yield changed


def signed_with_public_key(signer: Signer) -> str:
    """Sign a token with HMAC and the public key as its secret, which everyone has."""
    public_key = signer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, claims, _ = signer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": signer.key_id}).encode()).decode().rstrip("=")
    digest = hmac.digest(public_key, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def try_tokens(mesh: Mesh, tokens: Iterable[str]) -> tuple[int, list[str]]:
    """Call a method with each token. Return the number of tokens, and those that were not refused, with the outcome."""
    tried, accepted = 0, []
    async with dial(mesh.gateway) as channel:
        stub = orders_pb2_grpc.OrdersServiceStub(channel)
        for token in tokens:
            tried += 1
            metadata = (("authorization", f"Bearer {token}"),)
            request = pb.ListOrdersRequest(customer="customers/me")
            outcome = await outcome_of(stub.ListOrders(request, metadata=metadata, timeout=20))
            if not outcome.startswith(REFUSED):
                accepted.append(f"{token}: {outcome}")
    return tried, accepted


async def test_only_a_valid_token_is_accepted(mesh: Mesh, measured: Measured) -> None:
    signer = Signer.of(mesh.home)
    valid = signer.token()
    assert len((await try_tokens(mesh, [valid]))[1]) == 1
    changed = mutations(valid, random.Random(SEED))  # noqa: S311  # no secret
    forged = [
        signed_with_public_key(signer),
        signer.unsigned_token(),
        signer.with_modified_claims(),
        Signer.with_unknown_key("none").token(),
    ]
    without_user = [signer.token(sub=sub) for sub in ("", None)]
    tried, accepted = await try_tokens(mesh, [*forged, *without_user, *(next(changed) for _ in range(MUTATIONS))])
    assert accepted == []
    measured(f"security: {tried} invalid tokens, {len(accepted)} accepted")


def path_variants(path: str) -> Iterator[bytes]:
    """Yield other spellings of a path, and paths that a server might confuse with it."""
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


def with_extra_byte(path: str) -> Iterator[bytes]:
    """Yield a path followed by each possible byte, raw and escaped."""
    yield from (path.encode() + bytes([byte]) for byte in range(1, 256))
    yield from (f"{path}%{byte:02x}".encode() for byte in range(256))


async def paths_reaching_a_service(
    mesh: Mesh, paths: Iterable[bytes], headers: Mapping[str, str], method: str
) -> list[bytes]:
    """Request each path, and return those to which a service has responded."""
    reached, semaphore = [], asyncio.Semaphore(CONCURRENCY)

    async def attempt(path: bytes) -> None:
        async with semaphore:
            if (await http_request(mesh.gateway, path, headers, method=method, body=bytes(5))).from_service:
                reached.append(path)

    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(attempt(path))
    return reached


async def test_no_spelling_of_a_path_reaches_a_method_that_is_denied(mesh: Mesh, measured: Measured) -> None:
    allowed = [ALLOWED.encode()]
    assert await paths_reaching_a_service(mesh, allowed, GRPC, "POST") == allowed, "an allowed method is reached"
    with_token = GRPC | {"authorization": f"Bearer {Signer.of(mesh.home).token(expires_in=600)}"}
    tried = 0
    for paths, headers in (
        ([*path_variants(PRIVATE), *with_extra_byte(PRIVATE)], with_token),
        ([*path_variants(OTHER_ROLE)], with_token),
        ([*path_variants(REQUIRES_TOKEN)], GRPC),
    ):
        tried += len(paths)
        assert await paths_reaching_a_service(mesh, paths, headers, "POST") == []
    measured(f"security: {tried} other spellings of paths, 0 past the gateway")


@pytest.mark.parametrize("spoof", SPOOFS, ids=" ".join)
async def test_no_header_changes_the_identity_of_a_caller(mesh: Mesh, spoof: dict[str, str]) -> None:
    paths = [path.encode() for path in (PRIVATE, OTHER_ROLE, REQUIRES_TOKEN)]
    assert await paths_reaching_a_service(mesh, paths, GRPC | spoof, "POST") == []


async def test_a_caller_outside_is_no_part_of_the_traces(mesh: Mesh) -> None:
    trace, request, agent = (uuid.uuid4().hex for _ in range(3))
    contexts: list[dict[str, str]] = [
        {"traceparent": f"00-{trace}-{trace[:16]}-01", "tracestate": "a=b", "baggage": "a=b"},
        {"b3": f"{trace}-{trace[:16]}-1"},
        {"x-b3-traceid": trace, "x-b3-spanid": trace[:16], "x-b3-sampled": "1"},
    ]
    for context in contexts:
        headers = context | {"x-request-id": request, "x-client-trace-id": trace, "user-agent": agent}
        assert (await http_request(mesh.gateway, "/v1/products/p-0001", headers)).status == 200
    name = (await mesh.pod("catalog"))["metadata"]["name"]
    async for attempt in eventually(10):
        with attempt:
            gateway = await mesh.kubectl("logs", "-n", "shop-ingress", "deployment/shop-gateway")
            lines = [json.loads(line) for line in gateway.splitlines() if agent in line]
            assert len(lines) == len(contexts)
            sidecar = {line["request_id"] for line in await mesh.access_log(name, agent)}
            assert sidecar == {line["request_id"] for line in lines}, "one id from the gateway to the service"
    assert request not in sidecar
    assert trace not in await mesh.kubectl("logs", "-n", "shop", name, "-c", "app")


@pytest.mark.parametrize("name", ["upstream-rq-timeout-ms", "upstream-rq-per-try-timeout-ms", "max-retries"])
async def test_no_header_from_outside_controls_the_gateways_envoy(mesh: Mesh, name: str) -> None:
    """Test headers that would make the call end with 504 after a millisecond."""
    statuses = [
        (await http_request(mesh.gateway, "/v1/products/p-0001", {f"x-envoy-{name}": "1"})).status for _ in range(10)
    ]
    assert set(statuses) == {200}
