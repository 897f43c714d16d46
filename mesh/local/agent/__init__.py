"""The node agent: a kubelet whose containers are processes.

Read in this order: `__main__.py` the loops of the node → `pod.py` one Pod from start to end → `container.py` one
container: start, probe, restart, stop. They use `images.py` (which program replaces which image), `volumes.py`,
`environment.py`, `probes.py`, `endpoints.py` (how a Pod joins the mesh), `status.py`, `kubelet_api.py` (what
kubectl asks the node for), `logs.py`, `node.py` (the Node object), and `api.py` (requests to the API server).
"""
