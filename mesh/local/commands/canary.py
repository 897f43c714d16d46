"""`mesh canary`: a new version of a service, rolled out step by step."""

from mesh.local import interrupts
from mesh.local.canary.rollout import Canary, Limits
from mesh.local.processes import load_running
from mesh.local.terminal import console


def run(name: str, service: str, version: str, limits: Limits) -> int:
    """Roll the version out. Return 1 if it was rolled back. Raises MeshError."""
    interrupts.handle_once()
    promoted = Canary(load_running(name), console, service, version).run(limits)
    return 0 if promoted else 1
