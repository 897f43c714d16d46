"""How commands reach a running mesh, one module for each way.

`kubectl.py` the Kubernetes API, `envoy.py` the admin API of a Pod's Envoy, `gateway.py` the shop's methods as a user,
`users.py` the demo users and their tokens, `demo_order.py` one order, `operator_job.py` the operator's Job.
"""
