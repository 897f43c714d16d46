"""Decides whether a caller may call a method: which proxy decides, by which rule, and from which line it comes.

The decision is made from what the proxies do now: the configuration that istiod has sent to each Envoy on the way of
the call. Istio has then already chosen the policies of each workload (namespaces, selectors, the root namespace), and
has translated hand-written and generated ones alike into Envoy's RBAC rules, JWT providers and routes. These are few
and exactly defined, so this package evaluates them. To evaluate AuthorizationPolicies instead would mean to write
Istio's translation a second time, and to be wrong where the two differ. The name of an RBAC rule leads back to its
policy, which is read from the Kubernetes API. Only a caller that has no Pod now has no proxy to read (`egress.py`).

In reading order: `inquiry.py` is the question of the command and of the console's page. `request.py` is the call as a
proxy sees it; `matchers.py`, `rbac.py`, `tokens.py` and `routes.py` evaluate parts of Envoy's configuration; `proxy.py`
reads it, and `live.py` reads the cluster (`local.py`: without kubectl). `names.py` finds callers and methods.
`verdict.py` and `decision.py` follow the call from proxy to proxy; `grid.py` has all callers and methods. `sources.py`
finds the line behind a rule, `explain.py` and `chains.py` the smallest change that would allow the call, and
`report.py` prints the result.
"""
