"""Reads objects from the API server like `kubectl get -o json`, but without starting a process."""

import ssl
from pathlib import Path
from typing import Any

import httpx2
import yaml

GROUPS = {
    "configmaps": "api/v1",
    "deployments": "apis/apps/v1",
    "destinationrules": "apis/networking.istio.io/v1",
    "events": "api/v1",
    "jobs": "apis/batch/v1",
    "pods": "api/v1",
    "sidecars": "apis/networking.istio.io/v1",
    "statefulsets": "apis/apps/v1",
    "virtualservices": "apis/networking.istio.io/v1",
}
"""The API path of each resource type that tests read."""
TIMEOUT_SECONDS = 20


class Api:
    """A connection to the API server in a kubeconfig.

    Every failure raises AssertionError, so that `eventually` tries again.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Read the address of the server, its CA and the token. This does not connect yet."""
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
        """Return an object, or {"items": [...]} without a name.

        The words are those of `kubectl get`: resource types separated by commas, a name, -n NAMESPACE or -A, -l LABELS.
        """
        types, *rest = words
        scope, name, labels = "namespaces/default/", "", ""
        while rest:
            word = rest.pop(0)
            if word == "-n":
                scope = f"namespaces/{rest.pop(0)}/"
            elif word == "-A":
                scope = ""
            elif word == "-l":
                labels = rest.pop(0)
            else:
                name = f"/{word}"
        bodies = [self._read(each, f"{scope}{each}{name}", labels) for each in types.split(",")]
        return bodies[0] if name else {"items": [item for body in bodies for item in body["items"]]}

    def log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        """Return the last lines of a log."""
        query = {"tailLines": str(tail_lines)} | ({"container": container} if container else {})
        return self._get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query).text

    def _get(self, url: str, query: dict[str, str]) -> httpx2.Response:
        try:
            reply = self._client.get(url, params=query)
        except httpx2.TransportError:
            # The server may have restarted and closed the kept-alive connection: try once more.
            try:
                reply = self._client.get(url, params=query)
            except httpx2.TransportError as error:
                raise AssertionError(f"the API server does not respond: {error}") from error
        assert reply.is_success, f"get {url}: {reply.text}"
        return reply

    def _read(self, resource_type: str, path: str, labels: str) -> Any:  # noqa: ANN401  # JSON
        body = self._get(f"/{GROUPS[resource_type]}/{path}", {"labelSelector": labels} if labels else {}).json()
        for item in body.get("items", []):
            # In a list, the server sends the kind only once.
            item.setdefault("kind", body["kind"].removesuffix("List"))
        return body
