"""Users, attempts to log in and signing keys in the service's database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, bindparam, delete, insert, select, update

from services.identity.domain import (
    ATTEMPTS_RETENTION,
    Attempts,
    Credentials,
    EmailTakenError,
    State,
    User,
    UserNotFoundError,
    utc_now,
)
from services.identity.rotation import KeyState, Rotation, SigningKey, published_keys
from services.runtime.storage import Connection, Row, UtcDateTime

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("display_name", String(100), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    # Separated by spaces; no role contains one.
    Column("roles", String(300), nullable=False),
)

# By e-mail address and not by user, because attempts for an unknown address count too.
attempts = Table(
    "attempts",
    metadata,
    Column("email", String(254), primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("last_time", UtcDateTime, nullable=False, index=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("n", String(1024), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
)

USER_BY_ID = select(users).where(users.c.id == bindparam("id"))
USER_BY_ID_LOCKED = USER_BY_ID.with_for_update()
USER_BY_EMAIL = select(users).where(users.c.email == bindparam("email"))
USER_BY_EMAIL_LOCKED = USER_BY_EMAIL.with_for_update()
INSERT_USER = insert(users)
UPDATE_USER = update(users).where(users.c.id == bindparam("key"))

ATTEMPTS_BY_EMAIL = select(attempts).where(attempts.c.email == bindparam("email"))
INSERT_ATTEMPTS = insert(attempts)
UPDATE_ATTEMPTS = update(attempts).where(attempts.c.email == bindparam("key"))
DELETE_ATTEMPTS = delete(attempts).where(attempts.c.email == bindparam("email"))
DELETE_EXPIRED_ATTEMPTS = delete(attempts).where(attempts.c.last_time <= bindparam("before"))

KEYS = select(signing_keys).order_by(signing_keys.c.create_time.desc(), signing_keys.c.id)
INSERT_KEY = insert(signing_keys)
UPDATE_KEY = update(signing_keys).where(signing_keys.c.id == bindparam("key"))
DELETE_KEY = delete(signing_keys).where(signing_keys.c.id == bindparam("id"))


class Store:
    """Reads and writes users and attempts to log in within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def user(self, user_id: str, *, lock: bool = False) -> User:
        """Return one user; `lock` it to change it. Raises UserNotFoundError."""
        statement = USER_BY_ID_LOCKED if lock else USER_BY_ID
        row = (await self._connection.execute(statement, {"id": user_id})).one_or_none()
        if row is None:
            raise UserNotFoundError(user_id)
        return _user(row)

    async def credentials(self, email: str, *, lock: bool = False) -> Credentials | None:
        """Return the credentials of the user with this e-mail address, or None; `lock` the user to change it."""
        statement = USER_BY_EMAIL_LOCKED if lock else USER_BY_EMAIL
        row = (await self._connection.execute(statement, {"email": email})).one_or_none()
        return None if row is None else Credentials(_user(row), row.password_hash)

    async def add(self, user: User, password_hash: str) -> User:
        """Add a new user and return it. Raises EmailTakenError."""
        await self._connection.lock_name(f"users: {user.email}")
        if await self.credentials(user.email) is not None:
            raise EmailTakenError
        await self._connection.defer(
            INSERT_USER,
            {
                "id": user.id,
                "email": user.email,
                "display_name": user.display_name,
                "password_hash": password_hash,
                "state": user.state.value,
                "revision": user.revision,
                "create_time": user.create_time,
                "update_time": user.update_time,
                "roles": " ".join(user.roles),
            },
        )
        return user

    async def update(self, user: User) -> User:
        """Update the row of a user and return the user."""
        await self._connection.defer(
            UPDATE_USER,
            {
                "key": user.id,
                "display_name": user.display_name,
                "state": user.state.value,
                "revision": user.revision,
                "update_time": user.update_time,
                "roles": " ".join(user.roles),
            },
        )
        return user

    async def update_password_hash(self, user_id: str, password_hash: str) -> None:
        """Replace the hash of a user's password."""
        await self._connection.defer(UPDATE_USER, {"key": user_id, "password_hash": password_hash})

    async def count_attempt(self, email: str, now: datetime) -> None:
        """Count an attempt to log in with an e-mail address. Raises TooManyAttemptsError."""
        await self._connection.lock_name(f"attempts: {email}")
        row = (await self._connection.execute(ATTEMPTS_BY_EMAIL, {"email": email})).one_or_none()
        counted = (Attempts() if row is None else Attempts(row.wrong, row.last_time)).count(now)
        values = {"wrong": counted.wrong, "last_time": counted.last_time}
        if row is None:
            await self._connection.defer(INSERT_ATTEMPTS, {"email": email, **values})
        else:
            await self._connection.defer(UPDATE_ATTEMPTS, {"key": email, **values})

    async def reset_attempts(self, email: str) -> None:
        """Reset the count of an e-mail address to zero."""
        await self._connection.defer(DELETE_ATTEMPTS, {"email": email})

    async def delete_expired_attempts(self, now: datetime) -> None:
        """Delete the attempts that do not count any more."""
        await self._connection.defer(DELETE_EXPIRED_ATTEMPTS, {"before": now - ATTEMPTS_RETENTION})


class KeyStore:
    """Reads and writes the signing keys within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keys(self) -> list[SigningKey]:
        """Return all keys, newest first."""
        rows = await self._connection.execute(KEYS)
        return [SigningKey(r.id, KeyState(r.state), r.n, r.sealed, r.create_time, r.update_time) for r in rows]

    async def rotation(self, key_id: str, now: datetime) -> Rotation:
        """Return the result of the rotation that created a key: the keys that are published now."""
        return Rotation(key_id, published_keys(await self.keys(), now))

    async def replace(self, before: Sequence[SigningKey], after: Sequence[SigningKey]) -> None:
        """Replace the stored keys `before` by the keys `after`. The transaction must be exclusive."""
        old, new = {key.id: key for key in before}, {key.id: key for key in after}
        for key in (old[key_id] for key_id in old.keys() - new.keys()):
            await self._connection.defer(DELETE_KEY, {"id": key.id})
        for key_id, key in new.items():
            values: dict[str, object] = {"state": key.state.value, "update_time": key.update_time}
            if key_id not in old:
                values |= {"id": key.id, "n": key.n, "sealed": key.sealed, "create_time": key.create_time}
                await self._connection.defer(INSERT_KEY, values)
            elif key != old[key_id]:
                await self._connection.defer(UPDATE_KEY, {"key": key_id, **values})


async def find_user(connection: Connection, user_id: str) -> User:
    """Return one user. Raises UserNotFoundError."""
    return await Store(connection).user(user_id)


async def find_rotation(connection: Connection, key_id: str) -> Rotation:
    """Return the result of the rotation that created a key."""
    return await KeyStore(connection).rotation(key_id, utc_now())


def _user(row: Row) -> User:
    return User(
        id=row.id,
        email=row.email,
        display_name=row.display_name,
        state=State(row.state),
        revision=row.revision,
        create_time=row.create_time,
        update_time=row.update_time,
        roles=tuple(row.roles.split()),
    )
