"""Signs valid tokens as identity does, and forged ones."""

import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from services.identity.vault import Vault
from tests.support.databases import query

IDENTITY = Path("node/var/lib/shop/identity")
"""The folder with identity's data in the state folder of an instance."""


def key_database_url(home: Path) -> str:
    """Return the URL of the database with the signing keys of an instance."""
    return f"sqlite:///{home / IDENTITY}/identity.db"


@dataclass(frozen=True)
class Signer:
    """Signs any claims with a key, under a key id."""

    key_id: str
    key: RSAPrivateKey

    @classmethod
    def of(cls, home: Path) -> "Signer":
        """Read the active signing key from the files of an instance."""
        [row] = query(key_database_url(home), "SELECT id, sealed FROM signing_keys WHERE state = 'ACTIVE'")
        key_id, sealed = iter(row)
        assert isinstance(sealed, bytes)
        plain = Vault.open(home / IDENTITY / "identity.key").decrypt(sealed)
        key = serialization.load_der_private_key(plain, password=None)
        assert isinstance(key, RSAPrivateKey)
        return cls(str(key_id), key)

    @classmethod
    def with_unknown_key(cls, key_id: str) -> "Signer":
        """Create a new key, and use the key id of another one."""
        return cls(key_id, generate_private_key(65537, 2048))

    def token(self, expires_in: int = 60, **claims: object) -> str:
        """Sign a valid token that expires in some seconds. Other keyword arguments replace its claims."""
        return jwt.encode(_claims(expires_in) | claims, self.key, "RS256", headers={"kid": self.key_id})

    def unsigned_token(self) -> str:
        """Return a token without a signature, with the algorithm "none"."""
        return jwt.encode(_claims(), "", "none", headers={"kid": self.key_id})

    def with_modified_claims(self) -> str:
        """Return a token whose claims do not match its signature."""
        head, _, signature = self.token().split(".")
        return ".".join((head, self.token(sub="users/2").split(".")[1], signature))


def _claims(expires_in: int = 60) -> dict[str, object]:
    now = int(time.time())
    issued = {"iss": "https://identity.shop.example", "aud": "https://shop.example", "iat": now}
    return issued | {"exp": now + expires_in, "sub": "users/1", "roles": ["customer"]}
