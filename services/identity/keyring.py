"""The use cases of signing keys. The database decides which key signs, so all replicas agree."""

import asyncio
from collections.abc import Sequence
from typing import Generic

from services.identity import rotation
from services.identity.domain import Clock, User, utc_now
from services.identity.rotation import Rotation, SigningKey
from services.identity.store import KeyStore
from services.identity.tokens import Token, TokenSigner
from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey

# How often a process checks whether a rotation is due.
CHECK_INTERVAL_SECONDS = 60.0


class KeyRing(Generic[ReplyT]):
    """The use cases of signing keys. Each method owns its transaction."""

    def __init__(
        self,
        database: Database,
        requests: IdempotentRequests[Rotation, ReplyT],
        signer: TokenSigner,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._requests = requests
        self._signer = signer
        self._clock = clock

    async def rotate_if_due(self) -> None:
        """Create the first keys, activate the next key and delete expired keys, if any of this is due.

        Raises ConfigError if the vault cannot decrypt the active key.
        """
        while await self._change_if_due():
            pass
        self._signer.load(await self._active_key())

    async def issue_token(self, user: User) -> Token:
        """Return an access token for a user, signed with the active key."""
        return self._signer.sign(user, await self._active_key())

    async def published_keys(self) -> Sequence[SigningKey]:
        """Return the keys of the tokens that are still valid, and the next key; newest first."""
        async with self._database.read() as connection:
            return rotation.published_keys(await KeyStore(connection).keys(), self._clock())

    async def rotate(self, key: RequestKey) -> ReplyT:
        """Replace the active key by the next key. Raises NextKeyTooNewError, RequestIdReusedError."""
        return await self._requests.run(key, lambda connection: self._rotate(KeyStore(connection)), shared=False)

    async def _rotate(self, store: KeyStore) -> Rotation:
        keys, now = await store.keys(), self._clock()
        # Raises before a key is created, which takes 60 ms of CPU time.
        rotation.next_key(keys, now)
        new = await asyncio.to_thread(self._signer.create_key)
        await store.replace(keys, rotation.rotate(keys, now, new))
        return await store.rotation(new.id, self._clock())

    async def _active_key(self) -> SigningKey:
        async with self._database.read() as connection:
            key = rotation.active_key(await KeyStore(connection).keys())
        assert key is not None, "rotate_if_due creates the first keys before the first call"  # noqa: S101  # for mypy
        return key

    async def _change_if_due(self) -> bool:
        """Apply the changes that are due, and return whether there were any."""
        async with self._database.read() as connection:
            keys = await KeyStore(connection).keys()
        now = self._clock()
        new = [await asyncio.to_thread(self._signer.create_key) for _ in range(rotation.count_missing_keys(keys, now))]
        if rotation.rotate_if_due(keys, now, new) == keys:
            return False
        # Exclusive: of several replicas only the first one changes the keys. The others drop their new keys.
        async with self._database.write() as connection:
            store = KeyStore(connection)
            current = await store.keys()
            await store.replace(current, rotation.rotate_if_due(current, now, new))
        return True
