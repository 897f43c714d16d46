"""The local mesh: the real Kubernetes control plane and the real Istio on one machine, as ordinary processes."""
