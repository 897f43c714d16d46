"""The live topology: who calls whom, how often, how well, and by which rules of the mesh.

| module | what it does |
|---|---|
| structure | the nodes and edges that contracts and service.yaml files declare |
| figures | what the metrics say about them, at any time of the last hour |
| workloads | the Pods of each node: now from the Kubernetes API, earlier from metrics |
| proxies | what the Envoys are told to do: TLS, routes, timeouts, retries, limits |
| graph | all of it as one graph |
| edge, node | the details of one edge, of one node |
| handlers | the API of the page |
"""
