"""The live topology: who calls whom, how often, how well, and by which rules of the mesh.

| module | what it does |
|---|---|
| structure | the nodes and edges that contracts and service.yaml files declare |
| figures | what the metrics say about them, at any time of the last hour |
| workloads | the Pods of each node: now from the Kubernetes API, earlier from metrics |
| tls, proxies | the configuration of the Envoys: TLS; routes, timeouts, retries, limits |
| graph | all of it as one graph |
| rules | the configuration of the proxies of one edge |
| edge, stream, node | the details of an edge of calls, of one of events, of a node |
| history | the calls of the last hour |
| links | pages of other programs that show more |
| reader | reads a mesh: metrics, Kubernetes API, proxies |
| handlers | the API of the page |
"""
