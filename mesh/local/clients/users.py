"""The demo users. Each signs up through the gateway like any user; its random password is in the instance's folder."""

import base64
import json
import re
import secrets
from pathlib import Path
from typing import Any

from mesh.local.clients import operator_job
from mesh.local.clients.gateway import call
from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

SERVICE = "shop.identity.v1.IdentityService"
CUSTOMER = "customer"


def token(mesh: Instance, role: str = CUSTOMER) -> str:
    """Return a new access token of the demo user with a role. Each role has one user, created on first use.

    Raises:
        MeshError: the user could not sign up, get the role, or log in.
    """
    if not re.fullmatch("[a-z0-9-]{1,32}", role):
        raise MeshError(f"'{role}' is no role", why="a role is 1 to 32 lower-case letters, digits and hyphens")
    saved = _file(mesh, role)
    user = json.loads(saved.read_text()) if saved.exists() else _sign_up(mesh, role, saved)
    access_token = _log_in(mesh, user)
    claims = _claims(access_token)
    if role not in claims["roles"]:
        _grant(mesh, claims["sub"], role)
        access_token = _log_in(mesh, user)
    return access_token


def credentials(mesh: Instance, role: str = CUSTOMER) -> tuple[str, str]:
    """Return the e-mail address and the password of the demo user with a role. Raises MeshError like `token`."""
    token(mesh, role)
    user = json.loads(_file(mesh, role).read_text())
    return user["email"], user["password"]


def _file(mesh: Instance, role: str) -> Path:
    return mesh.home / f"user-{role}.json"


def _sign_up(mesh: Instance, role: str, file: Path) -> dict[str, object]:
    user: dict[str, object] = {
        "email": f"{role}-{secrets.token_hex(4)}@shop.example",
        "password": secrets.token_urlsafe(24),
    }
    profile = {"email": user["email"], "display_name": f"Demo {role}"}
    request = {"request_id": secrets.token_hex(16), "user": profile, "password": user["password"]}
    call(mesh, f"{SERVICE}/CreateUser", request)
    file.touch(mode=0o600)
    file.write_text(json.dumps(user))
    return user


def _log_in(mesh: Instance, user: dict[str, object]) -> str:
    return str(call(mesh, f"{SERVICE}/IssueToken", user)["accessToken"])


def _claims(access_token: str) -> Any:  # noqa: ANN401  # JSON
    """Read a token without verifying it: it comes from identity itself."""
    return json.loads(base64.urlsafe_b64decode(access_token.split(".")[1] + "=="))


def _grant(mesh: Instance, name: str, role: str) -> None:
    """Grant a user a role through the operator's Job. Only the operator may."""
    request = {"user": {"name": name, "roles": [role]}, "update_mask": "roles"}
    job = operator_job.run(Kubectl.of(mesh), "call", f"{SERVICE}/UpdateUser", json.dumps(request))
    if job.exit_code:
        raise MeshError(f"the operator could not grant {name} the role {role}", why=job.output.strip())
