"""The prober's account, and the address of the gateway that it calls."""

import json
import secrets

from mesh.local.instance import Instance


def secret(mesh: Instance) -> dict[str, object]:
    """Return the Secret of the prober (mesh/observability/prober); create its password on first use."""
    file = mesh.home / "prober.json"
    if not file.exists():
        account = {"email": f"prober-{secrets.token_hex(4)}@shop.example", "password": secrets.token_urlsafe(24)}
        file.touch(mode=0o600)
        file.write_text(json.dumps(account))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "prober", "namespace": "observability"},
        "stringData": {"target": mesh.gateway, **json.loads(file.read_text())},
    }
