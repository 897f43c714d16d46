"""protoc-gen-signals: generates objectives, alerts and dashboards from contracts. See README.md."""
