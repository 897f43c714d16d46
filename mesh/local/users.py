"""The demo's users: made through the gateway as anybody is, with a random password that the instance's folder keeps."""

import base64
import json
import re
import secrets
from pathlib import Path
from typing import Any

from mesh.local import operator
from mesh.local.calls import call
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

SERVICE = "shop.identity.v1.IdentityService"
CUSTOMER = "customer"


def token(instance: Instance, role: str = CUSTOMER) -> str:
    """Answer a new access token of the demo's user who has a role; there is one for each, made when first asked for.

    Raises:
        MeshError: the user could not be made, given the role, or logged in.
    """
    if not re.fullmatch("[a-z0-9-]{1,32}", role):
        raise MeshError(f"'{role}' is no role", why="a role is 1 to 32 lower-case letters, digits and hyphens")
    kept = instance.home / f"user-{role}.json"
    user = json.loads(kept.read_text()) if kept.exists() else _sign_up(instance, role, kept)
    issued = _log_in(instance, user)
    claims = _claims(issued)
    if role not in claims["roles"]:
        _give(instance, claims["sub"], role)
        issued = _log_in(instance, user)
    return issued


def _sign_up(instance: Instance, role: str, kept: Path) -> dict[str, object]:
    user: dict[str, object] = {
        "email": f"{role}-{secrets.token_hex(4)}@shop.example",
        "password": secrets.token_urlsafe(24),
    }
    named = {"email": user["email"], "display_name": f"Demo {role}"}
    request = {"request_id": secrets.token_hex(16), "user": named, "password": user["password"]}
    call(instance, f"{SERVICE}/CreateUser", request)
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(user))
    return user


def _log_in(instance: Instance, user: dict[str, object]) -> str:
    return str(call(instance, f"{SERVICE}/IssueToken", user)["accessToken"])


def _claims(issued: str) -> Any:  # noqa: ANN401  # JSON
    """Read a token that came from identity itself: there is nothing to verify."""
    return json.loads(base64.urlsafe_b64decode(issued.split(".")[1] + "=="))


def _give(instance: Instance, name: str, role: str) -> None:
    """Have the operator's Job give a user a role, as nobody else may."""
    request = {"user": {"name": name, "roles": [role]}, "update_mask": "roles"}
    done = operator.run(instance, "call", f"{SERVICE}/UpdateUser", json.dumps(request))
    if done.returncode:
        raise MeshError(f"the operator could not make a {role} of {name}", why=(done.stdout + done.stderr).strip())
