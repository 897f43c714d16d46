"""What a user may do, and how often a password may be guessed. Standard library alone."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

# So many wrong passwords in a row lock an e-mail address, and each further one locks it again: 1,445 guesses a day.
MOST_WRONG = 5
LOCKED = timedelta(minutes=1)
# After so long without a wrong password the count begins anew.
FORGOTTEN = timedelta(minutes=15)
NEVER = datetime.min.replace(tzinfo=UTC)
# What every user may be.
CUSTOMER = "customer"


class State(Enum):
    """Whether a user gets tokens. DISABLED is final."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class UserNotFoundError(Exception):
    """There is no such user."""

    def __init__(self, user: str) -> None:
        super().__init__(f"there is no user {user}")


class EmailTakenError(Exception):
    """A user has the e-mail address already."""

    def __init__(self) -> None:
        super().__init__("a user has this e-mail address already")


class EtagMismatchError(Exception):
    """The user was changed since the caller read it."""

    def __init__(self) -> None:
        super().__init__("the user was changed since its etag was read: read it again")


class InvalidCredentialsError(Exception):
    """Nobody has the e-mail address, or the password is another: which of them is not told."""

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong")


class TooManyAttemptsError(Exception):
    """The e-mail address is locked for a while, whoever has it, if anybody does."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many wrong passwords: try again later")
        self.metadata = {"unlock_time": until.isoformat(timespec="seconds")}


class UserDisabledError(Exception):
    """The user gets no tokens any more."""

    def __init__(self) -> None:
        super().__init__("the user is disabled")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a new user tells of itself; the e-mail address is in lower case."""

    email: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a user, None for what stays; with an etag, only if it is the user's."""

    display_name: str | None = None
    roles: frozenset[str] | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can prove who they are. `revision` counts the changes; `roles` are sorted."""

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
        """What stands for the user as it is now."""
        return f'"{self.revision}"'

    def edited(self, edit: Edit, now: datetime) -> "User":
        """Give another name or other roles. Raises EtagMismatchError if an etag is given that is not the user's."""
        if edit.etag not in {"", self.etag}:
            raise EtagMismatchError
        name = self.display_name if edit.display_name is None else edit.display_name
        roles = self.roles if edit.roles is None else tuple(sorted({CUSTOMER, *edit.roles}))
        unchanged = (name, roles) == (self.display_name, self.roles)
        return self if unchanged else self._changed(now, display_name=name, roles=roles)

    def disabled(self, now: datetime) -> "User":
        """Bar the user from new tokens, unless that was done before."""
        return self if self.state is State.DISABLED else self._changed(now, state=State.DISABLED)

    def with_other_password(self, now: datetime) -> "User":
        """Note that the password, which is kept elsewhere, was changed."""
        return self._changed(now)

    def _changed(self, now: datetime, **fields: object) -> "User":
        return replace(self, revision=self.revision + 1, update_time=now, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many wrong passwords were given in a row for an e-mail address, and when the last."""

    wrong: int = 0
    last: datetime = NEVER

    def one_more(self, now: datetime) -> "Attempts":
        """Count an attempt, before it is known whether it is a wrong one: so a thousand at once are five, too.

        Raises TooManyAttemptsError while the e-mail address is locked.
        """
        if now >= self.last + FORGOTTEN:
            return Attempts(1, now)
        if self.wrong >= MOST_WRONG and now < self.last + LOCKED:
            raise TooManyAttemptsError(self.last + LOCKED)
        return Attempts(self.wrong + 1, now)
