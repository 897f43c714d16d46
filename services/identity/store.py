"""Users, attempts and signing keys in the service's database. A store lives as long as one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain import FORGOTTEN, Attempts, EmailTakenError, State, User, UserNotFoundError
from services.identity.rotation import KeyState, SigningKey
from services.runtime.storage import UtcDateTime, lock_name

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
    # Separated by spaces, which no role has.
    Column("roles", String(300), nullable=False),
)

# By e-mail address, and not by user: those that no user has are counted as well.
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


class Store:
    """Reads and writes users and attempts within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def user(self, user_id: str, *, lock: bool = False) -> User:
        """Answer one user; `lock` it for a change. Raises UserNotFoundError."""
        it = select(users).where(users.c.id == user_id)
        row = (await self._connection.execute(it.with_for_update() if lock else it)).one_or_none()
        if row is None:
            raise UserNotFoundError(user_id)
        return _user(row)

    async def with_hash(self, email: str, *, lock: bool = False) -> tuple[User, str] | None:
        """Answer whoever has an e-mail address, with the hash of the password; None if nobody has it."""
        it = select(users).where(users.c.email == email)
        row = (await self._connection.execute(it.with_for_update() if lock else it)).one_or_none()
        return None if row is None else (_user(row), row.password_hash)

    async def add(self, user: User, password_hash: str) -> None:
        """Write a new user. Raises EmailTakenError."""
        await lock_name(self._connection, f"users: {user.email}")
        if await self.with_hash(user.email) is not None:
            raise EmailTakenError
        await self._connection.execute(
            insert(users).values(
                id=user.id,
                email=user.email,
                display_name=user.display_name,
                password_hash=password_hash,
                state=user.state.value,
                revision=user.revision,
                create_time=user.create_time,
                update_time=user.update_time,
                roles=" ".join(user.roles),
            )
        )

    async def put(self, user: User) -> None:
        """Write what has become of a user."""
        await self._connection.execute(
            update(users)
            .where(users.c.id == user.id)
            .values(
                display_name=user.display_name,
                state=user.state.value,
                revision=user.revision,
                update_time=user.update_time,
                roles=" ".join(user.roles),
            )
        )

    async def put_hash(self, user_id: str, password_hash: str) -> None:
        """Write the hash of a user's password."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    async def attempt(self, email: str, now: datetime) -> None:
        """Count an attempt for an e-mail address. Raises TooManyAttemptsError."""
        await lock_name(self._connection, f"attempts: {email}")
        row = (await self._connection.execute(select(attempts).where(attempts.c.email == email))).one_or_none()
        counted = (Attempts() if row is None else Attempts(row.wrong, row.last_time)).one_more(now)
        values = {"wrong": counted.wrong, "last_time": counted.last}
        await self._connection.execute(
            insert(attempts).values(email=email, **values)
            if row is None
            else update(attempts).where(attempts.c.email == email).values(values)
        )

    async def forgive(self, email: str) -> None:
        """Begin to count anew: the password was right."""
        await self._connection.execute(delete(attempts).where(attempts.c.email == email))

    async def forget(self, now: datetime) -> None:
        """Drop the attempts that count no more."""
        await self._connection.execute(delete(attempts).where(attempts.c.last_time <= now - FORGOTTEN))


class KeyStore:
    """Reads and writes the signing keys within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keys(self) -> list[SigningKey]:
        """Answer all keys, the newest first."""
        it = select(signing_keys).order_by(signing_keys.c.create_time.desc(), signing_keys.c.id)
        rows = await self._connection.execute(it)
        return [SigningKey(r.id, KeyState(r.state), r.n, r.sealed, r.create_time, r.update_time) for r in rows]

    async def replace(self, before: Sequence[SigningKey], after: Sequence[SigningKey]) -> None:
        """Have the keys be those of `after`; the transaction must be alone in the database."""
        old, new = {key.id: key for key in before}, {key.id: key for key in after}
        for key in (old[key_id] for key_id in old.keys() - new.keys()):
            await self._connection.execute(delete(signing_keys).where(signing_keys.c.id == key.id))
        for key_id, key in new.items():
            values = {"state": key.state.value, "update_time": key.update_time}
            if key_id not in old:
                made = {"id": key.id, "n": key.n, "sealed": key.sealed, "create_time": key.create_time}
                await self._connection.execute(insert(signing_keys).values(made | values))
            elif key != old[key_id]:
                await self._connection.execute(update(signing_keys).where(signing_keys.c.id == key_id).values(values))


def _user(row: Row[tuple[object, ...]]) -> User:
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
