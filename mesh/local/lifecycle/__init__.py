"""How a mesh starts and stops.

`start.py` starts everything, step by step; `rollout.py` applies manifests and waits until they are ready; `ports.py`
checks that the mesh's ports are free; `stop.py` ends every process in order.
"""
