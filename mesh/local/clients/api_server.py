"""Reads a mesh's Kubernetes API for what is polled. Each kubectl takes 70 ms of processor time, this takes 3."""

import json
import ssl
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import yaml

from mesh.local.errors import MeshError
from mesh.local.instance import Instance

TIMEOUT_SECONDS = 15


class ApiServer:
    """The API server of a mesh, called as the admin."""

    def __init__(self, mesh: Instance) -> None:
        """Read the admin's token and the CA, which exist once the keys of the mesh are created."""
        (user,) = yaml.safe_load(mesh.kubeconfig.read_text())["users"]
        self._headers = {"Authorization": f"Bearer {user['user']['token']}", "Accept": "application/json"}
        self._context = ssl.create_default_context(cafile=str(mesh.pki / "ca.crt"))
        self._address = urlsplit(mesh.api_server).netloc

    def get(self, path: str) -> bytes:
        """Return the body of the response to GET `path`.

        Raises:
            OSError: there is no response, or its status is not 200.
        """
        connection = HTTPSConnection(self._address, timeout=TIMEOUT_SECONDS, context=self._context)
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            body = response.read()
        except HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise OSError(f"status {response.status}")
        return body

    def read(self, path: str) -> Any:  # noqa: ANN401  # JSON
        """Return the JSON of the response to GET `path`. Raises MeshError if there is none."""
        try:
            return json.loads(self.get(path))
        except OSError as error:
            raise MeshError(
                "the Kubernetes API does not respond", why=str(error), fix="`mesh status` shows whether the mesh runs"
            ) from None
