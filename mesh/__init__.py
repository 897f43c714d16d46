"""The mesh: Istio policies, Kubernetes manifests, and the local mesh that plays them."""
