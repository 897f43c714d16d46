"""The rotation of the signing keys. Standard library alone.

A key is first NEXT (published, so that verifiers know it in time), then ACTIVE (it signs), then RETIRED (published
until the last token that it signed has expired), then it is deleted. There is always one NEXT key and one ACTIVE key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

TOKEN_LIFETIME = timedelta(minutes=15)
# How long a key signs.
SIGNING_PERIOD = timedelta(days=30)
# How long a key is published before it signs. Verifiers cache the keys; the gateway does for 5 minutes.
PUBLISHED_BEFORE = timedelta(hours=1)
# How long a key is published after it has signed: the lifetime of its last token, and one minute for differences
# between clocks and for a token that was being signed when the key was retired.
PUBLISHED_AFTER = TOKEN_LIFETIME + timedelta(minutes=1)


class KeyState(Enum):
    """The state of a signing key."""

    NEXT = "NEXT"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class NextKeyTooNewError(Exception):
    """Some verifiers may not know the next key yet."""

    def __init__(self, ready: datetime) -> None:
        super().__init__("the next key has not been published for long enough: try again at the ready_time")
        self.metadata = {"ready_time": ready.isoformat(timespec="seconds")}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A pair of keys. `n` is the public modulus in base64url; `sealed` is the private key, encrypted."""

    id: str
    state: KeyState
    n: str
    sealed: bytes
    create_time: datetime
    update_time: datetime

    def move_to(self, state: KeyState, now: datetime) -> "SigningKey":
        """Return the key in another state."""
        return replace(self, state=state, update_time=now)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of a rotation: the id of the key that it created, and all published keys, newest first."""

    id: str
    keys: Sequence[SigningKey]


def published_keys(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the keys that are published, in the same order."""
    return [key for key in keys if key.state is not KeyState.RETIRED or now < key.update_time + PUBLISHED_AFTER]


def active_key(keys: Sequence[SigningKey]) -> SigningKey | None:
    """Return the key that signs."""
    return next((key for key in keys if key.state is KeyState.ACTIVE), None)


def count_missing_keys(keys: Sequence[SigningKey], now: datetime) -> int:
    """Return how many new keys `rotate_if_due` needs."""
    existing = sum(key.state is not KeyState.RETIRED for key in keys)
    return 2 - existing + (1 if _is_due(active_key(keys), now) else 0)


def rotate_if_due(keys: Sequence[SigningKey], now: datetime, new: Sequence[SigningKey]) -> list[SigningKey]:
    """Return the keys after every change that is due, as far as there are enough `new` keys for it."""
    remaining, spare = published_keys(keys, now), list(new)
    following, signing = _following(remaining), active_key(remaining)
    if following is None and spare:
        following = spare.pop()
        remaining.append(following)
    if following and (signing is None or (_is_due(signing, now) and now >= following.create_time + PUBLISHED_BEFORE)):
        return _activate(remaining, following, signing, now) + spare[:1]
    return remaining


def next_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the next key if it may sign now. Raises NextKeyTooNewError if verifiers may not know it yet."""
    following = _following(keys)
    ready = (following.create_time if following else now) + PUBLISHED_BEFORE
    if following is None or now < ready:
        raise NextKeyTooNewError(ready)
    return following


def rotate(keys: Sequence[SigningKey], now: datetime, new: SigningKey) -> list[SigningKey]:
    """Return the keys after the next one is activated, with `new` as the next one. Raises NextKeyTooNewError."""
    remaining = published_keys(keys, now)
    return [*_activate(remaining, next_key(remaining, now), active_key(remaining), now), new]


def _following(keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if key.state is KeyState.NEXT), None)


def _is_due(signing: SigningKey | None, now: datetime) -> bool:
    return signing is not None and now >= signing.update_time + SIGNING_PERIOD


def _activate(
    keys: Sequence[SigningKey], following: SigningKey, signing: SigningKey | None, now: datetime
) -> list[SigningKey]:
    changed = {following.id: following.move_to(KeyState.ACTIVE, now)}
    if signing:
        changed[signing.id] = signing.move_to(KeyState.RETIRED, now)
    return [changed.get(key.id, key) for key in keys]
