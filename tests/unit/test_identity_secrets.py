"""Passwords are hashed, and signing keys are encrypted."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from services.identity.passwords import MEMORY_KIB, PASSES, Passwords
from services.identity.vault import Vault
from services.runtime import ConfigError
from tests.support.clock import Stopwatch

PASSWORD = "correct horse battery staple"  # noqa: S105  # made up


async def test_a_password_matches_only_its_own_hash() -> None:
    passwords = Passwords()
    hashed = await passwords.hash(PASSWORD)
    assert hashed.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
    assert hashed != await passwords.hash(PASSWORD), "each hash has a different salt"
    assert await passwords.verify(hashed, PASSWORD)
    assert not await passwords.verify(hashed, PASSWORD.upper())
    assert not await passwords.verify(None, PASSWORD)


async def test_a_password_matches_with_other_code_points_for_the_same_characters() -> None:
    passwords = Passwords(memory_kib=64, passes=1)
    assert await passwords.verify(await passwords.hash("cafe\u0301 12345"), "caf\u00e9 12345")


@pytest.mark.prove
@pytest.mark.timing
async def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    hashed = await passwords.hash(PASSWORD)

    async def min_seconds(password_hash: str | None) -> float:
        durations = []
        for _ in range(5):
            stopwatch = Stopwatch()
            await passwords.verify(password_hash, "wrong")
            durations.append(stopwatch.elapsed())
        return float(min(durations))

    assert 0.5 < await min_seconds(None) / await min_seconds(hashed) < 2


async def test_a_hash_with_other_parameters_is_outdated_but_still_matches() -> None:
    old_passwords, passwords = Passwords(memory_kib=64, passes=1), Passwords(memory_kib=128, passes=1)
    old = await old_passwords.hash(PASSWORD)
    assert passwords.is_outdated(old)
    assert await passwords.verify(old, PASSWORD)
    assert not passwords.is_outdated(await passwords.hash(PASSWORD))


def test_the_first_start_creates_a_private_key_file_and_later_starts_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys"
    sealed = Vault.open(path).encrypt(b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys"]
    assert b"secret" not in sealed
    assert Vault.open(path).decrypt(sealed) == b"secret"


def test_processes_that_start_at_the_same_time_use_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        fingerprints = list(threads.map(lambda _: Vault.open(tmp_path / "keys").fingerprint("x"), range(32)))
    assert len(set(fingerprints)) == 1


def test_an_old_key_decrypts_as_long_as_it_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    sealed = Vault.open(path).encrypt(b"secret")
    newer = Fernet.generate_key()
    path.write_bytes(newer + b"\n" + path.read_bytes())
    both = Vault.open(path)
    assert both.decrypt(sealed) == b"secret"
    assert Vault([newer]).decrypt(both.encrypt(b"secret")) == b"secret"
    with pytest.raises(ConfigError, match="contains no key that decrypts"):
        Vault([newer]).decrypt(sealed)


@pytest.mark.parametrize("text", ["", "too short\n", "x" * 44])
def test_a_file_without_a_key_is_rejected_and_its_contents_are_not_printed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigError, match="must contain keys of 32 bytes") as caught:
        Vault.open(path)
    assert text.strip() == "" or text.strip() not in str(caught.value)


def test_a_file_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot read or create"):
        Vault.open(tmp_path / "file" / "keys")


def test_a_fingerprint_depends_on_the_secret_and_on_the_key() -> None:
    one, other = Vault([Fernet.generate_key()]), Vault([Fernet.generate_key()])
    assert one.fingerprint(PASSWORD) == one.fingerprint(PASSWORD)
    assert len({one.fingerprint(PASSWORD), one.fingerprint("x"), other.fingerprint(PASSWORD)}) == 3
