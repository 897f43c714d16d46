"""The composition root: `python -m services.identity`."""

from pathlib import Path

import grpc.aio

from services.identity import keyring, vault
from services.identity.handlers import Accounts
from services.identity.keyring import KeyRing
from services.identity.passwords import Passwords
from services.identity.servicer import ERRORS, IdentityServicer
from services.identity.vault import Vault
from services.runtime import Runtime, serve
from shop.identity.v1 import identity_pb2, identity_pb2_grpc

HERE = Path(__file__).parent
JWKS = "/.well-known/jwks.json"
FORGET_SECONDS = 600.0


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open database and vault, see that there are keys, and add the servicer."""
    database = await runtime.database(HERE / "migrations")
    opened = Vault.open(Path(runtime.setting("KEY_FILE", vault.FILE)))
    issuer = runtime.setting("ISSUER", "https://identity.shop.example")
    keys = KeyRing(database, opened, issuer, runtime.setting("AUDIENCE", "https://shop.example"))
    # Before the first call, so that there is a key, and one that the vault opens.
    await keys.turn()
    accounts = Accounts(database, Passwords(), keys, keyring.utc)
    servicer = IdentityServicer(accounts, keys, opened)
    runtime.publish(JWKS, servicer.jwks)
    background = runtime.background()
    background.repeat(keyring.LOOK_SECONDS, keys.turn)
    background.repeat(FORGET_SECONDS, accounts.forget_attempts)
    runtime.delete_expired_requests(database)
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(servicer, server)
    return [identity_pb2.DESCRIPTOR.services_by_name["IdentityService"].full_name]


if __name__ == "__main__":
    serve("identity", register, ERRORS)
