"""What the service does for users: who they are, and how they prove it.

Passwords are hashed and compared between transactions, never in one: that takes as long as ten of them.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from services.identity.domain import (
    Edit,
    InvalidCredentialsError,
    Profile,
    State,
    User,
    UserDisabledError,
)
from services.identity.keyring import Clock, KeyRing, Token
from services.identity.store import Store
from services.runtime.rpc import request_key
from services.runtime.rpc.requests import IdentifiedRequest
from services.runtime.storage import Database, ReplyT, find_request
from services.runtime.storage.idempotency import reply_once


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
class Change:
    """A password, and the one that is to take its place."""

    email: str
    current: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Makes users, changes them, and lets them in."""

    database: Database
    passwords: Hashes
    keys: KeyRing
    clock: Clock

    async def create(
        self, request: IdentifiedRequest, profile: Profile, password: str, write: Callable[[User], ReplyT]
    ) -> ReplyT:
        """Make a user. Raises EmailTakenError, RequestIdReusedError."""
        hashed = await self.passwords.hash(password)
        now = self.clock()
        user = User(str(uuid.uuid4()), profile.email, profile.display_name, State.ACTIVE, 1, now, now)

        async def add(store: Store) -> User:
            await store.add(user, hashed)
            return user

        return await self._once(request, add, write)

    async def user(self, user_id: str) -> User:
        """Answer one user. Raises UserNotFoundError."""
        async with self.database.read() as connection:
            return await Store(connection).user(user_id)

    async def update(
        self, request: IdentifiedRequest, user_id: str, edit: Edit, write: Callable[[User], ReplyT]
    ) -> ReplyT:
        """Edit a user. Raises UserNotFoundError, EtagMismatchError, RequestIdReusedError."""

        async def change(store: Store) -> User:
            user = await store.user(user_id, lock=True)
            return await _put(store, user.edited(edit, self.clock()))

        return await self._once(request, change, write)

    async def disable(self, request: IdentifiedRequest, user_id: str, write: Callable[[User], ReplyT]) -> ReplyT:
        """Bar a user from new tokens. Raises UserNotFoundError, RequestIdReusedError."""

        async def change(store: Store) -> User:
            user = await store.user(user_id, lock=True)
            return await _put(store, user.disabled(self.clock()))

        return await self._once(request, change, write)

    async def change_password(
        self, request: IdentifiedRequest, asked: Change, write: Callable[[User], ReplyT]
    ) -> ReplyT:
        """Replace the password of whoever knows it.

        Raises InvalidCredentialsError, TooManyAttemptsError, UserDisabledError, RequestIdReusedError.
        """
        proof = await self._prove_anew(request, asked.email, asked.current)
        hashed = await self.passwords.hash(asked.new) if proof else ""

        async def change(store: Store) -> User:
            found = await self._let_in(store, proof) if proof else None
            if found is None or proof is None or found[1] != proof.hashed:
                # Another one changed it in the meantime.
                raise InvalidCredentialsError
            await store.put_hash(found[0].id, hashed)
            return await _put(store, found[0].with_other_password(self.clock()))

        return await self._once(request, change, write)

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

    async def _once(
        self, request: IdentifiedRequest, change: Callable[[Store], Awaitable[User]], write: Callable[[User], ReplyT]
    ) -> ReplyT:
        async with self.database.write(shared=True) as connection:
            store = Store(connection)
            return await reply_once(connection, request_key(request), lambda: change(store), store.user, write)

    async def _is_known(self, request: IdentifiedRequest) -> bool:
        async with self.database.read() as connection:
            return await find_request(connection, request_key(request)) is not None

    async def _prove_anew(self, request: IdentifiedRequest, email: str, password: str) -> Proof | None:
        """Prove who sends the request; None if it was carried out, for then the password is no longer the same."""
        if await self._is_known(request):
            return None
        try:
            return await self._prove(email, password)
        except InvalidCredentialsError:
            # The same request, sent at once, may have been carried out in between.
            if await self._is_known(request):
                return None
            raise

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
