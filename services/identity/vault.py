"""Secrets at rest: what the database holds of the signing keys is of no use without a key that stands elsewhere."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.runtime import ConfigError

FILE = "data/identity.key"


class Vault:
    """Seals with the first of its keys, and opens what any of them has sealed."""

    def __init__(self, keys: list[bytes]) -> None:
        self._first = keys[0]
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def open(cls, path: Path) -> "Vault":
        """Read the keys from a file, one a line; make it with a random one, for its owner alone, if it is not there.

        Raises ConfigError.
        """
        try:
            if not path.exists():
                _make(path)
            return cls(path.read_bytes().split())
        except OSError as error:
            raise ConfigError(f"IDENTITY_KEY_FILE: cannot read or make {path}: {error.strerror}") from error
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"IDENTITY_KEY_FILE: {path} must hold keys of 32 bytes in base64url, one a line"
            ) from error

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt a secret. Raises ConfigError if none of the keys has sealed it."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise ConfigError("IDENTITY_KEY_FILE: holds no key that opens the signing keys in the database") from error

    def mark(self, secret: str) -> str:
        """Answer what stands for a secret where equal ones must be told from others: without a key it tells nothing."""
        return hmac.new(self._first, secret.encode(), hashlib.sha256).hexdigest()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes that start at the same time: the first to link its file has made it, and all read that one.
    own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()
