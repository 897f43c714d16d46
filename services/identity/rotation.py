"""When which key signs. Standard library alone.

A key is NEXT (shown, so that whoever verifies knows it in time), then ACTIVE (it signs), then RETIRED (shown until the
last token that it signed has expired), and then gone. There is one NEXT key and one ACTIVE key, always.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

TOKEN_LIFE = timedelta(minutes=15)
# How long a key signs.
SIGNS = timedelta(days=30)
# How long a key is shown before it signs: those who verify keep the keys for a while, the gateway for 5 minutes.
SHOWN_BEFORE = timedelta(hours=1)
# How long a key is shown after it signed: its tokens' life, and a minute for clocks that differ and a token that was
# being signed when the key was retired.
SHOWN_AFTER = TOKEN_LIFE + timedelta(minutes=1)


class KeyState(Enum):
    """What a key is used for."""

    NEXT = "NEXT"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class NextKeyTooNewError(Exception):
    """The next key may not be known yet to all who verify."""

    def __init__(self, ready: datetime) -> None:
        super().__init__("the next key has not been shown for long enough")
        self.metadata = {"ready_time": ready.isoformat(timespec="seconds")}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A pair of keys. `n` is the public modulus, base64url; `sealed` the private half, encrypted."""

    id: str
    state: KeyState
    n: str
    sealed: bytes
    create_time: datetime
    update_time: datetime

    def become(self, state: KeyState, now: datetime) -> "SigningKey":
        """Answer the key in another state."""
        return replace(self, state=state, update_time=now)


def shown(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Answer the keys that are not gone."""
    return [key for key in keys if key.state is not KeyState.RETIRED or now < key.update_time + SHOWN_AFTER]


def active(keys: Sequence[SigningKey]) -> SigningKey | None:
    """Answer the key that signs."""
    return next((key for key in keys if key.state is KeyState.ACTIVE), None)


def wanted(keys: Sequence[SigningKey], now: datetime) -> int:
    """Answer how many new keys `settled` can make use of."""
    used = sum(key.state is not KeyState.RETIRED for key in keys)
    return 2 - used + (1 if _is_due(active(keys), now) else 0)


def settled(keys: Sequence[SigningKey], now: datetime, new: Sequence[SigningKey]) -> list[SigningKey]:
    """Answer the keys as they are to be now: what is due has come to pass, as far as there are `new` keys for it."""
    kept, spare = shown(keys, now), list(new)
    following, signing = _following(kept), active(kept)
    if following is None and spare:
        following = spare.pop()
        kept.append(following)
    if following and (signing is None or (_is_due(signing, now) and now >= following.create_time + SHOWN_BEFORE)):
        return _promoted(kept, following, signing, now) + spare[:1]
    return kept


def successor(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the next key if it may sign now. Raise NextKeyTooNewError if callers may not know it yet."""
    following = _following(keys)
    ready = (following.create_time if following else now) + SHOWN_BEFORE
    if following is None or now < ready:
        raise NextKeyTooNewError(ready)
    return following


def rotated(keys: Sequence[SigningKey], now: datetime, new: SigningKey) -> list[SigningKey]:
    """Return the keys after the next one has taken over signing, with `new` as the next. Raise NextKeyTooNewError."""
    kept = shown(keys, now)
    return [*_promoted(kept, successor(kept, now), active(kept), now), new]


def _following(keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if key.state is KeyState.NEXT), None)


def _is_due(signing: SigningKey | None, now: datetime) -> bool:
    return signing is not None and now >= signing.update_time + SIGNS


def _promoted(
    keys: Sequence[SigningKey], following: SigningKey, signing: SigningKey | None, now: datetime
) -> list[SigningKey]:
    changes = {following.id: following.become(KeyState.ACTIVE, now)}
    if signing:
        changes[signing.id] = signing.become(KeyState.RETIRED, now)
    return [changes.get(key.id, key) for key in keys]
