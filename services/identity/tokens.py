"""Access tokens: JWTs signed with RS256, and the creation of the keys that sign them."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from services.identity.domain import Clock, User, utc_now
from services.identity.rotation import TOKEN_LIFETIME, KeyState, SigningKey
from services.identity.vault import Vault

ALGORITHM = "RS256"
KEY_BITS, EXPONENT = 2048, 65537


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, as it is sent."""

    text: str
    expire_time: datetime


class TokenSigner:
    """Creates signing keys, and signs access tokens with them."""

    def __init__(self, vault: Vault, issuer: str, audience: str, clock: Clock = utc_now) -> None:
        self._vault = vault
        self._claims = {"iss": issuer, "aud": audience}
        self._clock = clock
        # (key id, private key) of the last token. Loading a private key takes longer than signing with it.
        self._loaded: tuple[str, RSAPrivateKey] | None = None

    def create_key(self) -> SigningKey:
        """Create a NEXT key. Takes about 60 ms of CPU time."""
        private_key = generate_private_key(EXPONENT, KEY_BITS)
        content = private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public_key: dict[str, Any] = RSAAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        now = self._clock()
        return SigningKey(secrets.token_hex(8), KeyState.NEXT, public_key["n"], self._vault.encrypt(content), now, now)

    def load(self, key: SigningKey) -> RSAPrivateKey:
        """Return the private key. Raises ConfigError if the vault cannot decrypt it."""
        if self._loaded is None or self._loaded[0] != key.id:
            private_key = serialization.load_der_private_key(self._vault.decrypt(key.sealed), password=None)
            assert isinstance(private_key, RSAPrivateKey)  # noqa: S101  # for mypy: create_key creates no others
            self._loaded = (key.id, private_key)
        return self._loaded[1]

    def sign(self, user: User, key: SigningKey) -> Token:
        """Sign an access token for a user. Raises ConfigError."""
        private_key = self.load(key)
        now = self._clock().replace(microsecond=0)
        expire_time = now + TOKEN_LIFETIME
        times = {"iat": now, "exp": expire_time}
        claims = {"sub": f"users/{user.id}", "jti": secrets.token_hex(16), "roles": user.roles}
        text = jwt.encode(self._claims | times | claims, private_key, ALGORITHM, headers={"kid": key.id})
        return Token(text, expire_time)
