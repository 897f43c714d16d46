"""protoc-gen-istio: generates Istio policies from contracts and service declarations. See README.md."""
