"""What the service does for users: who they are, and how they prove it.

Passwords are hashed and compared between transactions, never in one: that takes as long as ten of them.
"""

import uuid
from dataclasses import dataclass
from typing import Protocol

from services.identity.domain import (
    InvalidCredentialsError,
    Profile,
    State,
    User,
    UserDisabledError,
)
from services.identity.keyring import Clock, KeyRing, Token
from services.identity.store import Store
from services.runtime import Database, once, recall
from services.runtime.requests import IdentifiedRequest


class Hashes(Protocol):
    """What is asked of passwords' hashes."""

    async def hash(self, password: str) -> str:
        """Answer a hash."""

    async def match(self, hashed: str | None, password: str) -> bool:
        """Answer whether the hash is the password's; never, but as slowly, for None."""

    def is_outdated(self, hashed: str) -> bool:
        """Answer whether a hash should be made anew."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose password was right, and the hash that it was compared with."""

    user: User
    hashed: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """Makes users, changes them, and lets them in."""

    database: Database
    passwords: Hashes
    keys: KeyRing
    clock: Clock

    async def create(self, request: IdentifiedRequest, profile: Profile, password: str) -> User:
        """Make a user. Raises EmailTakenError, RequestIdReusedError."""
        hashed = await self.passwords.hash(password)
        now = self.clock()
        user = User(str(uuid.uuid4()), profile.email, profile.display_name, State.ACTIVE, 1, now, now)
        async with self.database.write(shared=True) as connection:
            store = Store(connection)

            async def add() -> User:
                await store.add(user, hashed)
                return user

            return await once(connection, request, add, store.user)

    async def user(self, user_id: str) -> User:
        """Answer one user. Raises UserNotFoundError."""
        async with self.database.read() as connection:
            return await Store(connection).user(user_id)

    async def rename(self, request: IdentifiedRequest, user_id: str, display_name: str, etag: str) -> User:
        """Give a user another display name. Raises UserNotFoundError, EtagMismatchError, RequestIdReusedError."""
        async with self.database.write(shared=True) as connection:
            store = Store(connection)

            async def change() -> User:
                return await _put(
                    store, (await store.user(user_id, lock=True)).renamed(display_name, etag, self.clock())
                )

            return await once(connection, request, change, store.user)

    async def disable(self, request: IdentifiedRequest, user_id: str) -> User:
        """Bar a user from new tokens. Raises UserNotFoundError, RequestIdReusedError."""
        async with self.database.write(shared=True) as connection:
            store = Store(connection)

            async def change() -> User:
                return await _put(store, (await store.user(user_id, lock=True)).disabled(self.clock()))

            return await once(connection, request, change, store.user)

    async def change_password(self, request: IdentifiedRequest, email: str, current: str, new: str) -> User:
        """Replace the password of whoever knows it.

        Raises InvalidCredentialsError, TooManyAttemptsError, UserDisabledError, RequestIdReusedError.
        """
        # Once it is carried out the current password is no longer that, be it before this call or during it.
        if (user := await self._known(request)) is not None:
            return user
        try:
            proof = await self._prove(email, current)
        except InvalidCredentialsError:
            if (user := await self._known(request)) is not None:
                return user
            raise
        hashed = await self.passwords.hash(new)
        async with self.database.write(shared=True) as connection:
            store = Store(connection)

            async def change() -> User:
                user, current_hash = await self._let_in(store, proof)
                if current_hash != proof.hashed:
                    # Another one changed it in the meantime.
                    raise InvalidCredentialsError
                await store.put_hash(user.id, hashed)
                return await _put(store, user.with_other_password(self.clock()))

            return await once(connection, request, change, store.user)

    async def log_in(self, email: str, password: str) -> Token:
        """Give an access token to whoever knows the password.

        Raises InvalidCredentialsError, TooManyAttemptsError, UserDisabledError.
        """
        proof = await self._prove(email, password)
        fresh = await self.passwords.hash(password) if self.passwords.is_outdated(proof.hashed) else None
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            user, current_hash = await self._let_in(store, proof)
            if fresh and current_hash == proof.hashed:
                await store.put_hash(user.id, fresh)
        return await self.keys.token(user)

    async def forget_attempts(self) -> None:
        """Drop the attempts that count no more."""
        async with self.database.write(shared=True) as connection:
            await Store(connection).forget(self.clock())

    async def _known(self, request: IdentifiedRequest) -> User | None:
        async with self.database.read() as connection:
            known = await recall(connection, request)
            return None if known is None else await Store(connection).user(known)

    async def _prove(self, email: str, password: str) -> Proof:
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            await store.attempt(email, self.clock())
            found = await store.with_hash(email)
        if not await self.passwords.match(found and found[1], password) or found is None:
            raise InvalidCredentialsError
        return Proof(*found)

    async def _let_in(self, store: Store, proof: Proof) -> tuple[User, str]:
        found = await store.with_hash(proof.user.email, lock=True)
        if found is None:
            raise InvalidCredentialsError
        if found[0].state is State.DISABLED:
            raise UserDisabledError
        await store.forgive(proof.user.email)
        return found


async def _put(store: Store, user: User) -> User:
    await store.put(user)
    return user
