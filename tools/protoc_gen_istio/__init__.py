"""protoc-gen-istio: Istio's policies from contracts and from what each service declares of itself. See README.md."""
