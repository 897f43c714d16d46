"""Users, and the limit on wrong passwords. Standard library alone."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

# An e-mail address is locked after so many wrong passwords in a row, and again after each further one. That allows
# 1,445 guesses a day.
MAX_WRONG_PASSWORDS = 5
LOCK_DURATION = timedelta(minutes=1)
# The count starts again from zero after this time without a wrong password.
ATTEMPTS_RETENTION = timedelta(minutes=15)
NEVER = datetime.min.replace(tzinfo=UTC)
# Every user has this role.
CUSTOMER = "customer"

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class State(Enum):
    """Whether a user can get tokens. DISABLED is final."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class UserNotFoundError(Exception):
    """The user does not exist."""

    def __init__(self, user: str) -> None:
        super().__init__(f"there is no user {user}")


class EmailTakenError(Exception):
    """Another user has the e-mail address."""

    def __init__(self) -> None:
        super().__init__("a user has this e-mail address already")


class EtagMismatchError(Exception):
    """The user was changed since the etag was read."""

    def __init__(self) -> None:
        super().__init__("the user was changed since its etag was read: read it again")


class InvalidCredentialsError(Exception):
    """No user has the e-mail address, or the password is wrong. The error does not show which."""

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong")


class TooManyAttemptsError(Exception):
    """The e-mail address is locked for a while, whether a user has it or not."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many wrong passwords: try again later")
        self.metadata = {"unlock_time": until.isoformat(timespec="seconds")}


class UserDisabledError(Exception):
    """The user cannot get tokens any more."""

    def __init__(self) -> None:
        super().__init__("the user is disabled")


@dataclass(frozen=True, slots=True)
class Profile:
    """The data of a new user. The e-mail address is in lower case."""

    email: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a user. None leaves a field as it is. A non-empty `etag` must be the user's etag."""

    display_name: str | None = None
    roles: frozenset[str] | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The change of a password by the user who knows the current one. The e-mail address is in lower case."""

    email: str
    current: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """A user. `revision` counts the changes; `roles` are sorted."""

    id: str
    email: str
    display_name: str
    state: State
    revision: int
    create_time: datetime
    update_time: datetime
    roles: tuple[str, ...] = (CUSTOMER,)

    @property
    def etag(self) -> str:
        """The etag of this revision, in quotes as in HTTP."""
        return f'"{self.revision}"'

    def edit(self, edit: Edit, now: datetime) -> "User":
        """Return the user with another name or other roles, or itself if nothing changes. Raises EtagMismatchError."""
        if edit.etag not in {"", self.etag}:
            raise EtagMismatchError
        name = self.display_name if edit.display_name is None else edit.display_name
        roles = self.roles if edit.roles is None else tuple(sorted({CUSTOMER, *edit.roles}))
        unchanged = (name, roles) == (self.display_name, self.roles)
        return self if unchanged else self._change(now, display_name=name, roles=roles)

    def disable(self, now: datetime) -> "User":
        """Return the user without access to new tokens, or itself if it is disabled already."""
        return self if self.state is State.DISABLED else self._change(now, state=State.DISABLED)

    def change_password(self, now: datetime) -> "User":
        """Return the next revision of the user, after a change of the password. The password is stored elsewhere."""
        return self._change(now)

    def _change(self, now: datetime, **fields: object) -> "User":
        return replace(self, revision=self.revision + 1, update_time=now, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and the hash of the user's password."""

    user: User
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The number of wrong passwords in a row for an e-mail address, and the time of the last one."""

    wrong: int = 0
    last_time: datetime = NEVER

    def count(self, now: datetime) -> "Attempts":
        """Count an attempt before its password is checked, so that concurrent attempts count too.

        Raises TooManyAttemptsError while the e-mail address is locked.
        """
        if now >= self.last_time + ATTEMPTS_RETENTION:
            return Attempts(1, now)
        if self.wrong >= MAX_WRONG_PASSWORDS and now < self.last_time + LOCK_DURATION:
            raise TooManyAttemptsError(self.last_time + LOCK_DURATION)
        return Attempts(self.wrong + 1, now)
