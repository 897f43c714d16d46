"""The certificates, keys and tokens of a mesh: random, created at the first start, mode 0600.

`cluster.py` has those of the Kubernetes components, `gateway.py` the gateway's certificate, and `certificates.py`
creates and signs them.
"""
