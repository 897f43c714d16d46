"""Encryption of the signing keys with a key that is not in the database: a copy of the database is of no use."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.runtime import ConfigError

DEFAULT_FILE = "data/identity.key"


class Vault:
    """Encrypts with the first of its keys, and decrypts with any of them."""

    def __init__(self, keys: list[bytes]) -> None:
        self._first = keys[0]
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def open(cls, path: Path) -> "Vault":
        """Read the keys from a file, one per line. If there is no file, create it with a random key and mode 0600.

        Raises ConfigError.
        """
        try:
            if not path.exists():
                _create(path)
            return cls(path.read_bytes().split())
        except OSError as error:
            raise ConfigError(f"IDENTITY_KEY_FILE: cannot read or create {path}: {error.strerror}") from error
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"IDENTITY_KEY_FILE: {path} must contain keys of 32 bytes in base64url, one per line"
            ) from error

    def encrypt(self, secret: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(secret)

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt a secret. Raises ConfigError if it was encrypted with none of the keys."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise ConfigError(
                "IDENTITY_KEY_FILE: contains no key that decrypts the signing keys in the database"
            ) from error

    def fingerprint(self, secret: str) -> str:
        """Return an HMAC that is equal for equal secrets, and that reveals nothing without the key."""
        return hmac.new(self._first, secret.encode(), hashlib.sha256).hexdigest()


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may start at once. The first one that links its file wins, and all processes read that file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
