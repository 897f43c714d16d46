"""The keys that sign access tokens: made, rotated and shown by what the database says, so that all replicas agree."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from services.identity import rotation
from services.identity.domain import User
from services.identity.rotation import KeyState, SigningKey
from services.identity.store import KeyStore
from services.identity.vault import Vault
from services.runtime.rpc import request_key
from services.runtime.rpc.requests import IdentifiedRequest
from services.runtime.storage import Database, ReplyT
from services.runtime.storage.idempotency import reply_once

ALGORITHM = "RS256"
BITS, EXPONENT = 2048, 65537
# How often it is looked whether a key is to be rotated or has to go.
LOOK_SECONDS = 60.0

Clock = Callable[[], datetime]


def utc() -> datetime:
    """Answer the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, as it is sent."""

    text: str
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation led to: the key that was made for it, and all that are shown, the newest first."""

    id: str
    keys: Sequence[SigningKey]


class KeyRing:
    """Signs tokens, and keeps the keys."""

    def __init__(self, database: Database, vault: Vault, issuer: str, audience: str, clock: Clock = utc) -> None:
        self._database = database
        self._vault = vault
        self._claims = {"iss": issuer, "aud": audience}
        self._clock = clock
        # The key that signed last: to read one in costs more than to sign.
        self._loaded: tuple[str, RSAPrivateKey] | None = None

    async def turn(self) -> None:
        """Do what is due by the clock: make the first keys, have the next one sign, drop what is gone.

        Raises ConfigError if the vault does not open the key that signs.
        """
        while await self._turned():
            pass
        async with self._database.read() as connection:
            self._load(await KeyStore(connection).keys())

    async def token(self, user: User) -> Token:
        """Sign an access token for a user."""
        async with self._database.read() as connection:
            key_id, private = self._load(await KeyStore(connection).keys())
        now = self._clock().replace(microsecond=0)
        expires = now + rotation.TOKEN_LIFE
        times = {"iat": now, "exp": expires}
        claims = {"sub": f"users/{user.id}", "jti": secrets.token_hex(16), "roles": user.roles}
        text = jwt.encode(self._claims | times | claims, private, ALGORITHM, headers={"kid": key_id})
        return Token(text, expires)

    async def shown(self) -> list[SigningKey]:
        """Answer the keys whose tokens are good, and the one that comes next; the newest first."""
        async with self._database.read() as connection:
            return rotation.shown(await KeyStore(connection).keys(), self._clock())

    async def rotate(self, request: IdentifiedRequest, write: Callable[[Rotation], ReplyT]) -> ReplyT:
        """Have the next key sign, once for each request. Raises NextKeyTooNewError, RequestIdReusedError."""
        async with self._database.write() as connection:
            store = KeyStore(connection)

            async def change() -> Rotation:
                before, now = await store.keys(), self._clock()
                # A key costs 60 ms of a processor: a request that is refused must not make one.
                rotation.successor(before, now)
                new = await asyncio.to_thread(self._make)
                await store.replace(before, rotation.rotated(before, now, new))
                return await find(new.id)

            async def find(key_id: str) -> Rotation:
                return Rotation(key_id, rotation.shown(await store.keys(), self._clock()))

            return await reply_once(connection, request_key(request), change, find, write)

    async def _turned(self) -> bool:
        """Do what is due, and answer whether anything was."""
        async with self._database.read() as connection:
            keys = await KeyStore(connection).keys()
        now = self._clock()
        new = [await asyncio.to_thread(self._make) for _ in range(rotation.wanted(keys, now))]
        if rotation.settled(keys, now, new) == keys:
            return False
        # Alone in the database: whoever comes second finds that nothing is left to do, and its new keys are nobody's.
        async with self._database.write() as connection:
            store = KeyStore(connection)
            before = await store.keys()
            await store.replace(before, rotation.settled(before, now, new))
        return True

    def _make(self) -> SigningKey:
        private = generate_private_key(EXPONENT, BITS)
        plain = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public: dict[str, Any] = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        now = self._clock()
        return SigningKey(secrets.token_hex(8), KeyState.NEXT, public["n"], self._vault.seal(plain), now, now)

    def _load(self, keys: list[SigningKey]) -> tuple[str, RSAPrivateKey]:
        signing = rotation.active(keys)
        assert signing is not None, "turn() makes the first keys before the first call"  # noqa: S101  # for mypy
        if self._loaded is None or self._loaded[0] != signing.id:
            private = serialization.load_der_private_key(self._vault.unseal(signing.sealed), password=None)
            assert isinstance(private, RSAPrivateKey)  # noqa: S101  # for mypy: _make makes no others
            self._loaded = (signing.id, private)
        return self._loaded
