"""What the mesh's Kubernetes API starts with.

`static_pods/` etcd, API server, controller manager and scheduler, `istio.yaml` and `sidecars.yaml` what loopback
addresses and upstream Envoy require of Istio, `manifests.py` everything that `mesh up` applies.
"""
