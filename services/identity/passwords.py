"""Passwords as argon2id hashes, computed in separate threads: each hash takes time and memory on purpose."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane. README.md says what a hash costs here.
MEMORY_KIB = 19 * 1024
PASSES = 2
# The maximum number of concurrent hashes; more have to wait. It limits the memory to 38 MiB, and the CPU to two cores.
THREADS = 2

ResultT = TypeVar("ResultT")


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        # Verified if there is no user, so that the response takes equally long.
        self._dummy_hash = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """Return the hash, with its parameters and its salt."""
        return await self._in_thread(lambda: self._hasher.hash(_normalize(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Return whether the password matches the hash. For None, take equally long and return False."""
        matches = await self._in_thread(lambda: self._matches(hashed or self._dummy_hash, _normalize(password)))
        return matches and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Return whether the hash was computed with other parameters than the current ones."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _normalize(password: str) -> str:
    # Different keyboards may produce different code points for the same characters.
    return unicodedata.normalize("NFKC", password)
