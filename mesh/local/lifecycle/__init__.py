"""How a mesh starts and stops.

`start.py` starts everything, step by step; `rollout.py` applies manifests and waits until they are ready; `limits.py`
and `ports.py` check that the machine has what it needs; `stop.py` ends every process in order.
"""
