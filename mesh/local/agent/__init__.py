"""The node agent: a kubelet whose containers are processes.

Read in this order: `__main__` (the node's loops) → `pod` (one Pod from start to end) → `container` (one container:
start, probe, restart, stop) → `processes`. Beside them: `images` (the one table of local facts), `volumes`,
`environment`, `probes`, `endpoints` (what the mesh needs to know of a Pod), `status`, `kubelet_api`, `node`, `api`.
"""
