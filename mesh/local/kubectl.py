"""Calls of the real kubectl and istioctl against one instance."""

import os
import subprocess
from pathlib import Path

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.instance import Instance


def environment(instance: Instance) -> dict[str, str]:
    """The caller's environment, pointed at the instance."""
    return os.environ | {"KUBECONFIG": str(instance.kubeconfig)}


def run(  # noqa: PLR0913  # what a command is run with
    instance: Instance,
    tool: str,
    *words: str,
    stdin: str | None = None,
    timeout: float = 120,
    alone: bool = False,
    folder: Path | None = None,
) -> str:
    """Run a tool with the instance's kubeconfig, perhaps in a folder; return its standard output.

    Ctrl-C does not end it when it runs alone.

    Raises:
        MeshError: it failed; holds the tool's own words.
    """
    command = [str(tools.bin_dir() / tool), *words]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(instance),
            check=False,
            start_new_session=alone,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise MeshError(
            f"{tool} {words[0]} did not end within {timeout:.0f} s", fix="see `mesh status`, then try again"
        ) from None
    if done.returncode:
        raise MeshError(f"{tool} {' '.join(words[:3])} failed", why=(done.stderr or done.stdout).strip()[-2000:])
    return done.stdout


def namespace_of(workload: str) -> str:
    """Where a workload that is named without its namespace lives."""
    return {"istiod": "istio-system", "ingressgateway": "istio-ingress", "kafka": "kafka"}.get(workload, "shop")
