"""kubectl in the namespace of the shop: on the cluster of KUBECONFIG, or else on the local mesh."""

import json
import os
import subprocess
from typing import Any

from mesh.local import instance, tools

NAMESPACE = "shop"


class KubectlError(Exception):
    """kubectl could not do what it was asked for; the text says why, in its own words."""


def instance_name() -> str:
    """Answer which local mesh is meant."""
    return os.environ.get("MESH_INSTANCE") or "default"


def environment() -> dict[str, str]:
    """Answer the environment in which kubectl finds the cluster. Raises KubectlError."""
    if os.environ.get("KUBECONFIG"):
        return dict(os.environ)
    found = instance.existing(instance_name())
    if found is None:
        raise KubectlError(f"there is no mesh {instance_name()!r}: `make up` makes it")
    return os.environ | {"KUBECONFIG": str(found.kubeconfig), "PATH": f"{tools.bin_dir()}:{os.environ['PATH']}"}


class Kubectl:
    """kubectl in the namespace of the shop. Making one raises KubectlError without a mesh."""

    def __init__(self) -> None:
        self._environment = environment()

    def run(self, *words: str, stdin: str = "") -> str:
        """Answer what a command prints. Raises KubectlError with kubectl's own words."""
        try:
            done = subprocess.run(
                ["/usr/bin/env", "kubectl", "-n", NAMESPACE, *words],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                env=self._environment,
            )
        except OSError as error:
            raise KubectlError(str(error)) from error
        if done.returncode:
            raise KubectlError(
                f"{done.stderr.strip() or 'kubectl failed'}\nIs the mesh up? `make up` starts the local one."
            )
        return done.stdout

    def get(self, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Answer an object. Raises KubectlError."""
        return json.loads(self.run("get", *words, "-o", "json"))

    def follow(self, pod: str, container: str) -> None:
        """Print what a container prints, until it ends."""
        words = ["/usr/bin/env", "kubectl", "-n", NAMESPACE, "logs", "-f", pod, "-c", container]
        subprocess.run(words, check=False, env=self._environment)
