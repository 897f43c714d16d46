"""The logs of the node as a kubelet shows them to a log collector: /var/log/pods/<namespace>_<pod>_<uid>/<container>/.

The folders are links to those in which the containers write. A line is what the container wrote: no time is added.
"""

from pathlib import Path

from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import Instance

AGENT = "kube-system_node-agent_0"
"""The folder with the agent's own log. It is no Pod."""


def link(sandbox: Sandbox) -> None:
    """Show the logs of a Pod, and remove the links of Pods that no longer exist."""
    folder = _folder(sandbox.mesh)
    for entry in folder.iterdir():
        if not entry.exists():
            entry.unlink(missing_ok=True)
    logs = sandbox.folder / "logs"
    logs.mkdir(exist_ok=True)
    _link(folder / f"{sandbox.namespace}_{sandbox.name}_{sandbox.uid}", logs)


def link_agent(mesh: Instance) -> None:
    """Show the log of the agent."""
    folder = _folder(mesh) / AGENT / "agent"
    folder.mkdir(parents=True, exist_ok=True)
    _link(folder / "0.log", mesh.agent_log)


def _folder(mesh: Instance) -> Path:
    folder = mesh.root / "var/log/pods"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink() or path.readlink() != target:
        path.unlink(missing_ok=True)
        path.symlink_to(target)
