"""Tokens as identity would sign them, and as it would not."""

import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from services.identity.vault import Vault
from tests.services.databases import query

IDENTITY = Path("node/var/lib/shop/identity")
"""Where an instance keeps identity's data."""


def key_database_url(home: Path) -> str:
    """Answer the URL of the database that holds an instance's keys."""
    return f"sqlite:///{home / IDENTITY}/identity.db"


@dataclass(frozen=True)
class Signer:
    """Signs whatever a test claims, with a key and the id that it goes by."""

    key_id: str
    key: RSAPrivateKey

    @classmethod
    def of(cls, home: Path) -> "Signer":
        """Take the key that signs from the files of an instance."""
        [row] = query(key_database_url(home), "SELECT id, sealed FROM signing_keys WHERE state = 'ACTIVE'")
        key_id, sealed = iter(row)
        assert isinstance(sealed, bytes)
        plain = Vault.open(home / IDENTITY / "identity.key").unseal(sealed)
        key = serialization.load_der_private_key(plain, password=None)
        assert isinstance(key, RSAPrivateKey)
        return cls(str(key_id), key)

    @classmethod
    def with_unknown_key(cls, key_id: str) -> "Signer":
        """Have a key of one's own, and say that it is this one."""
        return cls(key_id, generate_private_key(65537, 2048))

    def token(self, **other: object) -> str:
        """Sign a good token but for these claims."""
        return jwt.encode(_claims() | other, self.key, "RS256", headers={"kid": self.key_id})

    def unsigned_token(self) -> str:
        """Make a token that says of itself that it needs no signature."""
        return jwt.encode(_claims(), "", "none", headers={"kid": self.key_id})

    def with_modified_claims(self) -> str:
        """Put other claims under a signature."""
        head, _, signature = self.token().split(".")
        return ".".join((head, self.token(sub="users/2").split(".")[1], signature))


def _claims() -> dict[str, object]:
    now = int(time.time())
    issued = {"iss": "https://identity.shop.example", "aud": "https://shop.example", "iat": now, "exp": now + 60}
    return issued | {"sub": "users/1", "roles": ["customer"]}
