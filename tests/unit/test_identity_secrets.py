"""Passwords are hashed, keys are sealed; neither can be had back from what is kept."""

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from services.identity.passwords import MEMORY_KIB, PASSES, Passwords
from services.identity.vault import Vault
from services.runtime.config import ConfigError

WORDS = "correct horse battery staple"


async def test_a_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords()
    hashed = await passwords.hash(WORDS)
    assert hashed.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
    assert hashed != await passwords.hash(WORDS), "each hash has a salt of its own"
    assert await passwords.match(hashed, WORDS)
    assert not await passwords.match(hashed, WORDS.upper())
    assert not await passwords.match(None, WORDS)


async def test_the_same_characters_match_whatever_their_code_points() -> None:
    passwords = Passwords(memory_kib=64, passes=1)
    assert await passwords.match(await passwords.hash("cafe\u0301 12345"), "caf\u00e9 12345")


@pytest.mark.prove
@pytest.mark.timing
async def test_nobodys_password_takes_as_long_as_a_wrong_one() -> None:
    passwords = Passwords()
    hashed = await passwords.hash(WORDS)

    async def shortest(against: str | None) -> float:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            await passwords.match(against, "wrong")
            took.append(time.perf_counter() - began)
        return min(took)

    assert 0.5 < await shortest(None) / await shortest(hashed) < 2


async def test_a_hash_of_other_parameters_is_outdated_and_still_matches() -> None:
    before, today = Passwords(memory_kib=64, passes=1), Passwords(memory_kib=128, passes=1)
    old = await before.hash(WORDS)
    assert today.is_outdated(old)
    assert await today.match(old, WORDS)
    assert not today.is_outdated(await today.hash(WORDS))


def test_the_first_start_makes_a_key_for_its_owner_alone_and_later_ones_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys"
    sealed = Vault.open(path).seal(b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys"]
    assert b"secret" not in sealed
    assert Vault.open(path).unseal(sealed) == b"secret"


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        marks = list(threads.map(lambda _: Vault.open(tmp_path / "keys").mark("x"), range(32)))
    assert len(set(marks)) == 1


def test_what_an_older_key_sealed_is_opened_as_long_as_the_key_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    sealed = Vault.open(path).seal(b"secret")
    newer = Fernet.generate_key()
    path.write_bytes(newer + b"\n" + path.read_bytes())
    both = Vault.open(path)
    assert both.unseal(sealed) == b"secret"
    assert Vault([newer]).unseal(both.seal(b"secret")) == b"secret"
    with pytest.raises(ConfigError, match="holds no key that opens"):
        Vault([newer]).unseal(sealed)


@pytest.mark.parametrize("text", ["", "too short\n", "x" * 44])
def test_a_file_without_a_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigError, match="must hold keys of 32 bytes") as caught:
        Vault.open(path)
    assert text.strip() == "" or text.strip() not in str(caught.value)


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot read or make"):
        Vault.open(tmp_path / "file" / "keys")


def test_a_mark_is_the_same_for_the_same_secret_and_another_under_another_key() -> None:
    one, other = Vault([Fernet.generate_key()]), Vault([Fernet.generate_key()])
    assert one.mark(WORDS) == one.mark(WORDS)
    assert len({one.mark(WORDS), one.mark("x"), other.mark(WORDS)}) == 3
