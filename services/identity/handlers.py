"""The use cases of users.

Passwords are hashed and verified between transactions, never inside one: a hash takes as long as ten transactions.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol

from services.identity.domain import (
    Clock,
    Credentials,
    Edit,
    InvalidCredentialsError,
    PasswordChange,
    Profile,
    State,
    User,
    UserDisabledError,
    utc_now,
)
from services.identity.store import Store
from services.identity.tokens import Token
from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey, find_request


class Hasher(Protocol):
    """Hashes and verifies passwords."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Return whether the password matches the hash. For None, take equally long and return False."""

    def is_outdated(self, hashed: str) -> bool:
        """Return whether the password should be hashed again."""


class Accounts(Generic[ReplyT]):
    """The use cases of users. Each method owns its transactions."""

    def __init__(
        self,
        database: Database,
        requests: IdempotentRequests[User, ReplyT],
        passwords: Hasher,
        issue_token: Callable[[User], Awaitable[Token]],
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._requests = requests
        self._passwords = passwords
        self._issue_token = issue_token
        self._clock = clock

    async def create(self, key: RequestKey, profile: Profile, password: str) -> ReplyT:
        """Create a user. Raises EmailTakenError, RequestIdReusedError."""
        password_hash = await self._passwords.hash(password)
        now = self._clock()
        user = User(str(uuid.uuid4()), profile.email, profile.display_name, State.ACTIVE, 1, now, now)
        return await self._requests.run(key, lambda connection: Store(connection).add(user, password_hash))

    async def get(self, user_id: str) -> User:
        """Return one user. Raises UserNotFoundError."""
        async with self._database.read() as connection:
            return await Store(connection).user(user_id)

    async def update(self, key: RequestKey, user_id: str, edit: Edit) -> ReplyT:
        """Edit a user. Raises UserNotFoundError, EtagMismatchError, RequestIdReusedError."""

        async def change(store: Store) -> User:
            user = await store.user(user_id, lock=True)
            return await store.update(user.edit(edit, self._clock()))

        return await self._requests.run(key, lambda connection: change(Store(connection)))

    async def disable(self, key: RequestKey, user_id: str) -> ReplyT:
        """Disable a user for good. Raises UserNotFoundError, RequestIdReusedError."""

        async def change(store: Store) -> User:
            user = await store.user(user_id, lock=True)
            return await store.update(user.disable(self._clock()))

        return await self._requests.run(key, lambda connection: change(Store(connection)))

    async def change_password(self, key: RequestKey, change: PasswordChange) -> ReplyT:
        """Replace the password of a user who knows the current one.

        Raises InvalidCredentialsError, TooManyAttemptsError, UserDisabledError, RequestIdReusedError.
        """
        verified = await self._verify_new_request(key, change)
        new_hash = await self._passwords.hash(change.new) if verified else ""

        async def replace(store: Store) -> User:
            if verified is None:
                raise InvalidCredentialsError
            current = await self._admit(store, change.email)
            if current.password_hash != verified.password_hash:
                # Another request has changed the password in the meantime.
                raise InvalidCredentialsError
            await store.update_password_hash(current.user.id, new_hash)
            return await store.update(current.user.change_password(self._clock()))

        return await self._requests.run(key, lambda connection: replace(Store(connection)))

    async def log_in(self, email: str, password: str) -> Token:
        """Return an access token for the user with this e-mail address and password.

        Raises InvalidCredentialsError, TooManyAttemptsError, UserDisabledError.
        """
        verified = await self._verify(email, password)
        is_outdated = self._passwords.is_outdated(verified.password_hash)
        new_hash = await self._passwords.hash(password) if is_outdated else None
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            current = await self._admit(store, email)
            if new_hash and current.password_hash == verified.password_hash:
                await store.update_password_hash(current.user.id, new_hash)
        return await self._issue_token(current.user)

    async def delete_expired_attempts(self) -> None:
        """Delete the attempts to log in that do not count any more."""
        async with self._database.write(shared=True) as connection:
            await Store(connection).delete_expired_attempts(self._clock())

    async def _verify_new_request(self, key: RequestKey, change: PasswordChange) -> Credentials | None:
        """Return the verified credentials, or None if the request was carried out: then the password has changed."""
        if await self._is_done(key):
            return None
        try:
            return await self._verify(change.email, change.current)
        except InvalidCredentialsError:
            # A concurrent copy of the request may have been carried out in the meantime.
            if await self._is_done(key):
                return None
            raise

    async def _is_done(self, key: RequestKey) -> bool:
        async with self._database.read() as connection:
            return await find_request(connection, key) is not None

    async def _verify(self, email: str, password: str) -> Credentials:
        """Count an attempt and return the credentials if the password is right."""
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            await store.count_attempt(email, self._clock())
            credentials = await store.credentials(email)
        matches = await self._passwords.verify(credentials.password_hash if credentials else None, password)
        if credentials is None or not matches:
            raise InvalidCredentialsError
        return credentials

    async def _admit(self, store: Store, email: str) -> Credentials:
        """Lock and return the credentials of a user whose password was right, and reset the user's attempts."""
        credentials = await store.credentials(email, lock=True)
        if credentials is None:
            raise InvalidCredentialsError
        if credentials.user.state is State.DISABLED:
            raise UserDisabledError
        await store.reset_attempts(email)
        return credentials
