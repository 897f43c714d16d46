"""The composition root: `python -m services.identity`."""

from pathlib import Path

import grpc.aio

from services.identity import keyring, messages, vault
from services.identity.handlers import Accounts
from services.identity.keyring import KeyRing
from services.identity.passwords import Passwords
from services.identity.servicer import ERRORS, IdentityServicer
from services.identity.store import find_rotation, find_user
from services.identity.tokens import TokenSigner
from services.identity.vault import Vault
from services.runtime import Runtime, serve
from services.runtime.storage import IdempotentRequests
from shop.identity.v1 import identity_pb2, identity_pb2_grpc

HERE = Path(__file__).parent
JWKS_PATH = "/.well-known/jwks.json"
CLEANUP_INTERVAL_SECONDS = 600.0


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and the vault, create the first signing keys, and register the servicer."""
    database = await runtime.database(HERE / "migrations")
    opened = Vault.open(Path(runtime.setting("KEY_FILE", vault.DEFAULT_FILE)))
    issuer = runtime.setting("ISSUER", "https://identity.shop.example")
    signer = TokenSigner(opened, issuer, runtime.setting("AUDIENCE", "https://shop.example"))
    keys = KeyRing(database, IdempotentRequests(database, find_rotation, messages.write_rotation), signer)
    # Before the first call, so that a key can sign its token, and a wrong key file stops the process at its start.
    await keys.rotate_if_due()
    requests = IdempotentRequests(database, find_user, messages.write_user)
    accounts = Accounts(database, requests, Passwords(), keys.issue_token)
    servicer = IdentityServicer(accounts, keys, opened)
    runtime.publish(JWKS_PATH, servicer.jwks_json)
    background = runtime.background()
    background.repeat(keyring.CHECK_INTERVAL_SECONDS, keys.rotate_if_due)
    background.repeat(CLEANUP_INTERVAL_SECONDS, accounts.delete_expired_attempts)
    runtime.delete_expired_requests(database)
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(servicer, server)
    return [identity_pb2.DESCRIPTOR.services_by_name["IdentityService"].full_name]


if __name__ == "__main__":
    serve("identity", register, ERRORS)
