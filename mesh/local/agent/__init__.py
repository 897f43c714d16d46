"""The node agent: a kubelet whose containers are processes.

Read in this order: `__main__.py` the loops of the node → `pod.py` one Pod from start to end → `container.py` one
container: start, probe, restart, stop. They use `images.py` (which program replaces which image), `volumes.py`,
`environment.py`, `probes.py`, `endpoints.py` (how a Pod joins the mesh), `status.py`, `node.py` (the Node object), and
`api.py` (requests to the API server).

`kubelet_api.py` is what kubectl and istioctl request from the node: `logs.py`, `metrics.py` (for `kubectl top`), and
`streams.py`: `remote_command.py` with `child.py` (exec, cp, attach), `port_forward.py` with `spdy.py`.
"""
