"""The signing keys: one of several replicas rotates them, and they are published as long as verifiers need them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.fernet import Fernet

from services.identity import messages, rotation
from services.identity.domain import State, User
from services.identity.keyring import KeyRing
from services.identity.store import find_rotation
from services.identity.tokens import TokenSigner
from services.identity.vault import Vault
from services.runtime.storage import Database, IdempotentRequests
from services.runtime.storage.database import open_database
from shop.identity.v1 import identity_pb2 as pb
from shop.identity.v1 import identity_pb2_grpc
from tests.support.checkout import ROOT
from tests.support.databases import Databases, query
from tests.support.errors import refused
from tests.support.processes import Process
from tests.support.starters import Start

Stub = identity_pb2_grpc.IdentityServiceStub
NOW = datetime.now(UTC)
ADA = User("1", "ada@shop.example", "Ada", State.ACTIVE, 1, NOW, NOW)
ISSUER, AUDIENCE = "https://id.example", "https://example"


class Clock:
    """A clock that shows the time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the time that the test has set."""
        return self.now


class Replicas:
    """Two key rings over one database, as in two processes."""

    def __init__(self, databases: list[Database]) -> None:
        self.clock = Clock()
        vault = Vault([Fernet.generate_key()])
        self.rings = [self._ring(database, vault) for database in databases]

    def _ring(self, database: Database, vault: Vault) -> KeyRing[pb.RotateKeysResponse]:
        requests = IdempotentRequests(database, find_rotation, messages.write_rotation)
        return KeyRing(database, requests, TokenSigner(vault, ISSUER, AUDIENCE, self.clock), self.clock)

    async def rotate_if_due(self) -> None:
        """Rotate the keys in both, at the same time, if a rotation is due."""
        await asyncio.gather(*(ring.rotate_if_due() for ring in self.rings))

    async def token(self) -> str:
        """Return a token that the first one signs."""
        return (await self.rings[0].issue_token(ADA)).text

    async def verifies(self, text: str) -> bool:
        """Return whether the second one publishes the key of a token. Raises if the key does not verify it."""
        key = next((key for key in await self.rings[1].published_keys() if key.id == kid(text)), None)
        if key is None:
            return False
        public = jwt.PyJWK({"kty": "RSA", "alg": "RS256", "kid": key.id, "n": key.n, "e": "AQAB"})
        options = {"verify_exp": False, "verify_iat": False}
        jwt.decode(text, public, ["RS256"], audience=AUDIENCE, issuer=ISSUER, options=options)  # type: ignore[arg-type]
        return True


def kid(text: str) -> str:
    return str(jwt.get_unverified_header(text)["kid"])


@pytest.fixture
async def replicas(storage: Databases, tmp_path: Path) -> AsyncIterator[Replicas]:
    url, versions = storage.url(tmp_path, "identity"), ROOT / "services" / "identity" / "migrations"
    databases = [await open_database(url, versions) for _ in range(2)]
    replicas = Replicas(databases)
    await replicas.rotate_if_due()
    yield replicas
    for database in databases:
        await database.close()


async def test_replicas_agree_on_the_first_keys(replicas: Replicas) -> None:
    one, other = [await ring.published_keys() for ring in replicas.rings]
    assert one == other
    assert sorted(key.state.value for key in one) == ["ACTIVE", "NEXT"]
    assert [kid((await ring.issue_token(ADA)).text) for ring in replicas.rings] == [
        key.id for key in one if key.state is rotation.KeyState.ACTIVE
    ] * 2


async def test_a_rotation_by_time_happens_once_and_keeps_all_tokens_valid(replicas: Replicas) -> None:
    [next_id] = [key.id for key in await replicas.rings[0].published_keys() if key.state is rotation.KeyState.NEXT]
    before = await replicas.token()
    replicas.clock.now += rotation.SIGNING_PERIOD
    await replicas.rotate_if_due()
    assert len(await replicas.rings[0].published_keys()) == 3
    after = await replicas.token()
    assert kid(after) == next_id, "the key that was published before"
    assert await replicas.verifies(before)
    assert await replicas.verifies(after)


async def test_a_retired_key_is_deleted_when_its_last_token_has_expired(replicas: Replicas) -> None:
    before = await replicas.token()
    replicas.clock.now += rotation.SIGNING_PERIOD
    await replicas.rotate_if_due()
    replicas.clock.now += rotation.TOKEN_LIFETIME
    assert await replicas.verifies(before)
    replicas.clock.now += timedelta(minutes=1)
    assert not await replicas.verifies(before)
    await replicas.rotate_if_due()
    assert len(await replicas.rings[0].published_keys()) == 2


@pytest.fixture
def pair(start: Start, tmp_path: Path) -> tuple[Process, Process]:
    """Start two processes at once, on one database and with one key file, when the active key is 31 days old."""
    env = {"IDENTITY_KEY_FILE": str(tmp_path / "keys")}
    first = start("identity", env, folder="first", data_folder="shared")
    age_keys(first)
    assert first.stop() == 0
    both = [start("identity", env, folder=at, data_folder="shared", wait=False) for at in ("one", "other")]
    one, other = (process.wait_ready() for process in both)
    return one, other


def age_keys(process: Process, days: int = 31) -> None:
    """Change the times of all keys to `days` ago."""
    shift = (
        f"now() - interval '{days} days'"
        if process.database_url.startswith("postgresql")
        else f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{days} days')"
    )
    query(process.database_url, f"UPDATE signing_keys SET create_time = {shift}, update_time = {shift}")  # noqa: S608  # ours


def states(process: Process) -> list[str]:
    return sorted(str(row[0]) for row in query(process.database_url, "SELECT state FROM signing_keys"))


async def test_two_processes_rotate_once_by_time_and_once_by_command(pair: tuple[Process, Process]) -> None:
    assert states(pair[0]) == ["ACTIVE", "NEXT", "RETIRED"]
    async with pair[0].channel() as one, pair[1].channel() as other:
        stubs = Stub(one), Stub(other)
        error = await refused(stubs[0].RotateKeys(pb.RotateKeysRequest(request_id="early")))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NEXT_KEY_TOO_NEW")
        assert datetime.fromisoformat(error.metadata["ready_time"]) > datetime.now(UTC)
        age_keys(pair[0], days=1)
        request = pb.RotateKeysRequest(request_id=str(uuid.uuid4()))
        replies = await asyncio.gather(*(stub.RotateKeys(request) for stub in stubs for _ in range(5)))
        assert all(reply == replies[0] for reply in replies)
        signing = [key.key_id for key in replies[0].keys if key.state == pb.SigningKey.STATE_ACTIVE]
        jwks = [await stub.GetJwks(pb.GetJwksRequest()) for stub in stubs]
        assert jwks[0] == jwks[1]
        assert {key.kid for key in jwks[0].keys} == {key.key_id for key in replies[0].keys}
        user = pb.User(email="ada@shop.example", display_name="Ada")
        password = str(uuid.uuid4())
        await stubs[0].CreateUser(pb.CreateUserRequest(request_id="u", user=user, password=password))
        login = pb.IssueTokenRequest(email=user.email, password=password)
        assert [kid((await stub.IssueToken(login)).access_token) for stub in stubs] == signing * 2


def test_a_process_that_cannot_decrypt_its_signing_keys_reports_it_in_one_line(start: Start) -> None:
    assert start("identity", folder="first", data_folder="shared").stop() == 0
    process = start("identity", folder="second", data_folder="shared", wait=False)
    assert process.wait() == 2
    assert process.errors() == (
        "identity: IDENTITY_KEY_FILE: contains no key that decrypts the signing keys in the database\n"
    )


def test_the_database_contains_only_encrypted_private_keys(start: Start, tmp_path: Path) -> None:
    process = start("identity", {"IDENTITY_KEY_FILE": str(tmp_path / "keys")})
    vault = Vault.open(tmp_path / "keys")
    for row in query(process.database_url, "SELECT sealed FROM signing_keys"):
        sealed: Any = row[0]
        assert not sealed.startswith(b"0"), "DER"
        assert vault.decrypt(sealed).startswith(b"0")
