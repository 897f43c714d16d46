"""Reads objects from the API server as `kubectl get -o json` does, without a process for each look."""

import ssl
from pathlib import Path
from typing import Any

import httpx2
import yaml

GROUPS = {
    "deployments": "apis/apps/v1",
    "destinationrules": "apis/networking.istio.io/v1",
    "jobs": "apis/batch/v1",
    "pods": "api/v1",
    "sidecars": "apis/networking.istio.io/v1",
    "statefulsets": "apis/apps/v1",
    "virtualservices": "apis/networking.istio.io/v1",
}
"""The group and version of each kind that tests read."""
TIMEOUT_SECONDS = 20


class Api:
    """A connection to the API server of a kubeconfig. Whatever fails raises AssertionError, so that tests try again."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read the server's address, its authority and the token. Nothing is sent yet."""
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._client = httpx2.Client(
            base_url=cluster["server"],
            headers={"authorization": f"Bearer {user['token']}"},
            verify=ssl.create_default_context(cafile=cluster["certificate-authority"]),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def get(self, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Return an object, or {"items": [...]} if no name is given.

        The words are those of `kubectl get`: kinds separated by commas, a name, -n NAMESPACE or -A, -l LABELS.
        """
        kinds, *left = words
        place, name, labels = "namespaces/default/", "", ""
        while left:
            word = left.pop(0)
            if word == "-n":
                place = f"namespaces/{left.pop(0)}/"
            elif word == "-A":
                place = ""
            elif word == "-l":
                labels = left.pop(0)
            else:
                name = f"/{word}"
        found = [self._read(kind, f"{place}{kind}{name}", labels) for kind in kinds.split(",")]
        return found[0] if name else {"items": [item for listed in found for item in listed["items"]]}

    def _read(self, kind: str, path: str, labels: str) -> Any:  # noqa: ANN401  # JSON
        url, query = f"/{GROUPS[kind]}/{path}", {"labelSelector": labels} if labels else {}
        try:
            reply = self._client.get(url, params=query)
        except httpx2.TransportError:
            # A server that has restarted in between has closed the connection that was kept.
            try:
                reply = self._client.get(url, params=query)
            except httpx2.TransportError as error:
                raise AssertionError(f"the API server does not answer: {error}") from error
        assert reply.is_success, f"get {path}: {reply.text}"
        body = reply.json()
        for item in body.get("items", []):
            # The server names the kind once, in the list.
            item.setdefault("kind", body["kind"].removesuffix("List"))
        return body
