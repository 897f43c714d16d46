"""kubectl, for a local mesh or for the cluster of KUBECONFIG."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from mesh.local import tools
from mesh.local.instance import Instance
from mesh.local.processes import load_running

NAMESPACE = "shop"
NAMESPACES = {"istiod": "istio-system", "ingressgateway": "istio-ingress", "kafka": "kafka"}
"""Workload → its namespace, for those outside of the shop."""


def namespace_of(workload: str) -> str:
    """Return the namespace of a workload."""
    return NAMESPACES.get(workload, NAMESPACE)


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster."""

    program: str
    kubeconfig: str

    @classmethod
    def of(cls, mesh: Instance) -> "Kubectl":
        """Return kubectl for a mesh. Raises MeshError if the tools are not built yet."""
        return cls(str(tools.bin_dir() / "kubectl"), str(mesh.kubeconfig))

    @classmethod
    def for_cluster(cls, name: str | None) -> "Kubectl":
        """Return kubectl for the named mesh; without a name, for KUBECONFIG, MESH_INSTANCE or the mesh `default`.

        Raises:
            MeshError: there is no such mesh, or it does not run.
        """
        kubeconfig = os.environ.get("KUBECONFIG")
        if kubeconfig and not name:
            return cls(shutil.which("kubectl") or str(tools.bin_dir() / "kubectl"), kubeconfig)
        return cls.of(load_running(name or os.environ.get("MESH_INSTANCE") or "default"))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process with the cluster's KUBECONFIG."""
        return os.environ | {"KUBECONFIG": self.kubeconfig}

    def run(
        self, *words: str, stdin: str | None = None, timeout_seconds: float = 120, ignore_ctrl_c: bool = False
    ) -> str:
        """Run a command and return its standard output.

        Raises:
            MeshError: it failed. The error has kubectl's own message.
        """
        return tools.run(
            [self.program, *words],
            env=self.environment,
            stdin=stdin,
            timeout_seconds=timeout_seconds,
            ignore_ctrl_c=ignore_ctrl_c,
        )

    def get(self, *words: str, timeout_seconds: float = 120) -> Any:  # noqa: ANN401  # JSON
        """Return the objects that `kubectl get` finds. Raises MeshError."""
        return json.loads(self.run("get", *words, "-o", "json", timeout_seconds=timeout_seconds))

    def show(self, *words: str) -> int:
        """Run a command that prints to the terminal, and return its exit code."""
        return subprocess.call([self.program, *words], env=self.environment)
