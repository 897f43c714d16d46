"""An instance: one mesh on this machine, with its name, its state folder and its loopback addresses.

`instance.py` has the addresses and paths, `store.py` finds, creates and removes instances, and `reservations.py`
records which instance uses which addresses. Everything here needs the standard library only.
"""

from mesh.local.instance.instance import (
    MAX_PODS,
    NODE_NAME,
    REPOSITORY,
    TLS_PORT_OFFSET,
    Instance,
    port_in_use,
)
from mesh.local.instance.store import MAX_NAME_LENGTH, all_instances, create, existing, load, not_up, remove

__all__ = [
    "MAX_NAME_LENGTH",
    "MAX_PODS",
    "NODE_NAME",
    "REPOSITORY",
    "TLS_PORT_OFFSET",
    "Instance",
    "all_instances",
    "create",
    "existing",
    "load",
    "not_up",
    "port_in_use",
    "remove",
]
