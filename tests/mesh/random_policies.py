"""Random AuthorizationPolicies, and the calls that show what they do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from mesh.local.matrix.declared import Method
from tests.mesh.harness import Manifest
from tests.mesh.matrix import METHODS

GATEWAY, INGRESS, SHOP, ROOT_NAMESPACE = "shop-gateway", "shop-ingress", "shop", "istio-system"
APPS = sorted({method.service for method in METHODS})
INSIDE = ("catalog", "operator", "orders", "stranger")
OUTSIDE = ("anonymous", "user", "merchandiser")
LIMITED = {"CreateUser", "ChangePassword", "IssueToken"}
"""Public methods with a separate rate limit, which the calls of a test would exceed."""
ISSUER = "https://identity.shop.example"
Values = Sequence[str]


@dataclass(frozen=True)
class RandomPolicy:
    """A policy, the workload that it selects (empty for all of its namespace), and methods that show what it does."""

    manifest: Manifest
    app: str
    methods: tuple[Method, ...]

    @property
    def name(self) -> str:
        """The name, which istiod uses in the names of its rules."""
        return str(self.manifest["metadata"]["name"])

    def selects(self, app: str) -> bool:
        """Return whether it applies to a workload."""
        namespace = self.manifest["metadata"]["namespace"]
        in_scope = namespace in {ROOT_NAMESPACE, INGRESS if app == GATEWAY else SHOP}
        return in_scope and self.app in {"", app}

    def calls(self) -> Iterator[tuple[str, Method]]:
        """Yield the callers and methods to call. The gateway limits the calls of each user, so those are fewer."""
        if self.app != GATEWAY:
            yield from ((caller, method) for caller in INSIDE for method in self.methods)
        public = [method for method in self.methods if method.name.partition("/")[2] not in LIMITED]
        yield from ((caller, method) for caller in OUTSIDE for method in public[: 3 if self.app == GATEWAY else 1])


def create_policy(random: Random, name: str) -> RandomPolicy:
    """Create a policy."""
    app = random.choice([*APPS, GATEWAY, GATEWAY])
    served = [method for method in METHODS if app in {method.service, GATEWAY}]
    methods = random.sample(served, min(2, len(served)))
    metadata = {"name": name, "namespace": INGRESS if app == GATEWAY else SHOP}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": app}}}
    selected = app
    if is_wide := random.random() < 0.05:
        metadata["namespace"] = random.choice([SHOP, INGRESS, ROOT_NAMESPACE])
        spec, selected = {}, ""
    spec["action"] = random.choices(["ALLOW", "DENY", "AUDIT"], [12, 6, 1])[0]
    rules = random.choices([0, 1, 2], [1 if spec["action"] == "ALLOW" else 0, 10, 4])[0]
    if rules or is_wide:
        spec["rules"] = [_rule(random, _pools(app, methods)) for _ in range(max(rules, 1))]
    if is_wide:
        # Otherwise it would decide about all calls, and no other policy about any.
        spec["rules"] = [rule | {"to": [{"operation": {"paths": _paths(methods)}}]} for rule in spec["rules"]]
    kind = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
    return RandomPolicy(kind | {"metadata": metadata, "spec": spec}, selected, tuple(methods))


@dataclass(frozen=True)
class Pools:
    """The values to choose from, by field."""

    source: Mapping[str, Values]
    accounts: Mapping[str, Values]
    """Istio does not combine these with the principals and namespaces of a source."""
    operation: Mapping[str, Values]
    conditions: Mapping[str, Values]


def _pools(app: str, methods: Sequence[Method]) -> Pools:
    paths = _paths(methods)
    contract, _, short = paths[0].rpartition("/")
    principals = [f"cluster.local/ns/shop/sa/{name}" for name in INSIDE]
    principals += [f"cluster.local/ns/{INGRESS}/sa/{GATEWAY}", "cluster.local/ns/shop/*", "*/sa/orders", "*r", "*"]
    addresses = ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "0.0.0.0/0"]
    requests = ["*", f"{ISSUER}/*", f"{ISSUER}*", "*example/someone", f"{ISSUER}/users/*", "https://partner.example/*"]
    host = "127." if app == GATEWAY else f"{app}.shop."
    sni = f"outbound_.50051_._.{app}.shop.svc.cluster.local"
    return Pools(
        source={
            "principals": principals,
            "requestPrincipals": requests,
            "namespaces": [SHOP, INGRESS, "shop*", "*-ingress", "*op", "other"],
            "ipBlocks": addresses,
            "remoteIpBlocks": addresses,
            "trustDomains": ["cluster.local", "*", "cluster*", "*.local", "other.example"],
        },
        accounts={"serviceAccounts": ["orders", "shop/operator", "shop/stranger", f"{INGRESS}/{GATEWAY}"]},
        operation={
            "paths": [*paths, f"{contract}/*", f"*{short}", "*", "/shop.*", f"{contract}/{{*}}", "/{**}", "/other"],
            "methods": ["POST", "GET", "*", "P*", "*T"],
            "hosts": [f"{host}*", f"{host.upper()}*", "*.cluster.local", "*", "other.example"],
            "ports": ["50051", "8080", "8081"],
        },
        conditions={
            "request.headers[x-principal]": ["*", "users/*", "users/other"],
            "request.headers[content-type]": ["application/grpc", "application/*", "*json", "*"],
            "request.headers[X-Absent]": ["*", "value"],
            "request.auth.claims[roles]": ["merchandiser", "customer", "merch*", "*er", "*", "other"],
            "request.auth.claims[iss]": [ISSUER, "*", "https://*"],
            "request.auth.claims[address][city]": ["*", "Bern"],
            "request.auth.principal": requests,
            "request.auth.audiences": ["https://shop.example", "https://shop*", "other"],
            "request.auth.presenter": ["*", "other"],
            "source.ip": addresses,
            "remote.ip": addresses,
            "source.namespace": [SHOP, INGRESS, "shop*", "*"],
            "source.principal": principals,
            "source.serviceAccount": ["orders", "shop/operator", "other/orders"],
            "source.trustDomain": ["cluster.local", "*", "other.example"],
            "destination.ip": addresses,
            "destination.port": ["50051", "8080"],
            "connection.sni": [sni, "outbound_*", "*.local", "*"],
        },
    )


def _paths(methods: Sequence[Method]) -> list[str]:
    return [method.path for method in methods]


def _rule(random: Random, pools: Pools) -> dict[str, Any]:
    """Create a rule. About half of its parts exclude values instead of requiring them."""
    rule: dict[str, Any] = {}
    if sources := random.choices([0, 1, 2], [3, 6, 1])[0]:
        pool = random.choices([pools.source, pools.accounts], [9, 1])[0]
        rule["from"] = [{"source": _fields(random, pool)} for _ in range(sources)]
    if operations := random.choices([0, 1, 2], [3, 6, 1])[0]:
        rule["to"] = [{"operation": _fields(random, pools.operation)} for _ in range(operations)]
    if conditions := random.choices([0, 1, 2], [6, 4, 1])[0]:
        keys = random.sample(sorted(pools.conditions), conditions)
        rule["when"] = [{"key": key} | _values(random, pools.conditions[key], "values", "notValues") for key in keys]
    return rule


def _fields(random: Random, pool: Mapping[str, Values]) -> dict[str, Values]:
    fields: dict[str, Values] = {}
    for name in random.sample(sorted(pool), min(len(pool), random.choices([1, 2], [3, 1])[0])):
        fields |= _values(random, pool[name], name, f"not{name[0].upper()}{name[1:]}")
    return fields


def _values(random: Random, pool: Values, required: str, excluded: str) -> dict[str, Values]:
    """Choose values to require, to exclude, or both."""
    keys = random.choices([(required,), (excluded,), (required, excluded)], [6, 3, 1])[0]
    return {key: random.sample(pool, random.choice([1, 1, 2])) for key in keys}
