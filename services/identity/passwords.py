"""Passwords as argon2id hashes, reckoned in a few threads of their own: each costs time and memory on purpose."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane; README.md tells what that costs here.
MEMORY_KIB = 19 * 1024
PASSES = 2
# So many at once, the others wait: 38 MiB at most, and never more than two cores that other calls would need.
THREADS = 2

Result = TypeVar("Result")


class Passwords:
    """Hashes passwords and compares them."""

    def __init__(self, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        # Compared with where there is no user, so that it takes as long.
        self._nobodys = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """Answer the hash, with its parameters and its salt."""
        return await self._apart(lambda: self._hasher.hash(_normal(password)))

    async def match(self, hashed: str | None, password: str) -> bool:
        """Answer whether the hash is the password's; None is the hash of nobody, and takes as long."""
        return await self._apart(lambda: self._is(hashed or self._nobodys, _normal(password))) and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Answer whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)

    def _is(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False

    async def _apart(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _normal(password: str) -> str:
    # The same characters, typed on different keyboards, may be other code points.
    return unicodedata.normalize("NFKC", password)
