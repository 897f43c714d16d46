"""The node agent: a kubelet whose containers are processes.

Read in this order: `__main__.py` the loops of the node → `pod.py` one Pod from start to end → `container.py` one
container: start, restart, stop. They use:

`images.py` which program replaces which image, `environment.py`, `endings.py` what the end of a container means,
`record.py` how a container outlives the agent; `probes.py` and `hooks.py`, which run the commands and requests of
`handlers.py`; `volumes.py`, with `projections.py` the files from the API and `atomic_writer.py` how they change;
`endpoints.py` how a Pod joins the mesh, `reporter.py` and `status.py`, `unenforced.py` what this node ignores;
`node.py` the Node object, `api.py` requests to the API server.

`kubelet_api.py` is what kubectl and istioctl request from the node: `logs.py` with `log_times.py`, `metrics.py` (for
`kubectl top`), and `streams.py`: `remote_command.py` with `child.py` (exec, cp, attach), `port_forward.py` with
`spdy.py`.

`mesh/local/conformance.md` compares all of it with a kubelet.
"""
