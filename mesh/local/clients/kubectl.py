"""kubectl, for a local mesh or for a cluster that the command line names."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.local import environment, tools
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import load_running
from mesh.local.terminal import error_console

NAMESPACE = "shop"
NAMESPACES = {"istiod": "istio-system", "shop-gateway": "shop-ingress", "kafka": "kafka"}
"""Workload → its namespace, for those outside of the shop."""


def namespace_of(workload: str) -> str:
    """Return the namespace of a workload."""
    return NAMESPACES.get(workload, NAMESPACE)


@dataclass(frozen=True)
class Cluster:
    """Which cluster a command acts in, as its options say. KUBECONFIG of the environment never chooses one."""

    instance: str
    """The local mesh, unless there is a kubeconfig."""
    kubeconfig: Path | None = None
    context: str | None = None
    """A context of the kubeconfig; without it, the current one."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster."""

    command: tuple[str, ...]
    """The program with the options that name the cluster."""
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, mesh: Instance) -> "Kubectl":
        """Return kubectl for a mesh. Raises MeshError if the tools are not built yet."""
        program = str(tools.bin_dir() / "kubectl")
        # KUBERC: the user's preferences of kubectl can change what a command does.
        settings = {"KUBECONFIG": str(mesh.kubeconfig), "KUBERC": "off"}
        # With the variable alone, kubectl would call localhost:8080 if the file were missing.
        return cls((program, f"--kubeconfig={mesh.kubeconfig}"), os.environ | settings)

    @classmethod
    def for_cluster(cls, cluster: Cluster) -> "Kubectl":
        """Return kubectl for a cluster. For one that is not a local mesh, name it on standard error.

        Raises:
            MeshError: the mesh is not up, or the kubeconfig names no cluster.
        """
        if cluster.kubeconfig is None:
            if cluster.context is not None:
                raise MeshError("--context is without --kubeconfig", fix="add --kubeconfig FILE")
            return cls.of(load_running(cluster.instance))
        program = shutil.which("kubectl") or str(tools.bin_dir() / "kubectl")
        options = [f"--kubeconfig={cluster.kubeconfig}"]
        options += [f"--context={cluster.context}"] if cluster.context is not None else []
        # A cloud's login plugin needs its own variables.
        kubectl = cls((program, *options), environment.original())
        # Without a server, kubectl would call localhost:8080, which is the gateway of the mesh `default`.
        server = kubectl.run("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
        if not server:
            raise MeshError(f"{cluster.kubeconfig} names no cluster", fix="choose another file or --context")
        error_console.print(f"in the cluster {server}", highlight=False, markup=False, soft_wrap=True)
        return kubectl

    def run(
        self, *words: str, stdin: str | None = None, timeout_seconds: float = 120, ignore_ctrl_c: bool = False
    ) -> str:
        """Run a command and return its standard output.

        Raises:
            MeshError: it failed. The error has kubectl's own message.
        """
        return tools.run(
            [*self.command, *words],
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
        return subprocess.call([*self.command, *words], env=self.environment)
