"""A small cluster for `mesh why`: a gateway, an orders and one or two Pods of catalog, with what their Envoys have."""

import json
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from mesh.local.clients.kubectl import Kubectl
from mesh.local.why.live import Live

HOST = "catalog.shop.svc.cluster.local"
CLUSTER = f"outbound|50051||{HOST}"
METHOD = "/shop.catalog.v1.CatalogService/GetProduct"
ANY_RULE = {"permissions": [{"any": True}], "principals": [{"any": True}]}
Json = Any


def rule(name: str, namespace: str = "shop", index: int = 0) -> str:
    """Return the name that istiod gives a rule."""
    return f"ns[{namespace}]-policy[{name}]-rule[{index}]"


def rbac(action: str, **policies: Json) -> Json:
    """Return an RBAC filter with one rule per policy."""
    rules = {"action": action, "policies": {rule(name): conditions for name, conditions in policies.items()}}
    return typed("extensions.filters.http.rbac.v3.RBAC", rules=rules)


def typed(kind: str, **config: Json) -> Json:
    """Return a filter with its type."""
    return {"name": kind, "typed_config": {"@type": f"type.googleapis.com/envoy.{kind}", **config}}


def route(path: str = METHOD, cluster: str = CLUSTER, **match: Json) -> Json:
    """Return a route to a cluster."""
    return {"match": {"path": path, **match}, "route": {"cluster": cluster}}


def dump(direction: str, *filters: Json, transport: str = "", routes: Json = (), tls: bool = True) -> Json:
    """Return the configuration of an Envoy with one listener."""
    http = {"http_filters": list(filters), "rds": {"route_config_name": "routes"}}
    chain = {
        "filter_chain_match": {"transport_protocol": transport} if transport else {},
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}],
    }
    listener = {
        "traffic_direction": direction,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 50051}},
        "filter_chains": [chain],
    }
    virtual_host = {"domains": ["*"], "routes": list(routes)}
    cluster = {"name": CLUSTER} | ({"transport_socket": {"name": "envoy.transport_sockets.tls"}} if tls else {})
    return {
        "configs": [
            {"dynamic_listeners": [{"active_state": {"listener": listener}}]},
            {"dynamic_route_configs": [{"route_config": {"name": "routes", "virtual_hosts": [virtual_host]}}]},
            {"dynamic_active_clusters": [{"cluster": cluster}]},
        ]
    }


@dataclass(frozen=True)
class World(Kubectl):
    """The cluster, as kubectl shows it."""

    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    objects: list[Json] = field(default_factory=list)
    dumps: dict[str, Json] = field(default_factory=dict)
    """What the Envoy of each Pod has."""

    @override
    def get(self, *words: str, timeout_seconds: float = 120) -> Json:
        return {"items": self.objects}

    @override
    def run(
        self, *words: str, stdin: str | None = None, timeout_seconds: float = 120, ignore_ctrl_c: bool = False
    ) -> str:
        return json.dumps(self.dumps[words[3]])


def pod(name: str, app: str, namespace: str = "shop", container: str = "istio-proxy") -> Json:
    """Return a Pod that is ready."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "labels": {"app": app}},
        "spec": {"serviceAccountName": app, "containers": [{"name": container}]},
        "status": {"podIP": "127.0.1.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def obj(kind: str, name: str, namespace: str = "shop", **spec: Json) -> Json:
    """Return an object of the Kubernetes API."""
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def world(
    *, gateway: Json = None, orders: Json = None, catalog: tuple[Json, ...] = (), more: tuple[Json, ...] = ()
) -> Live:
    """Return a cluster. By default every proxy lets every call pass."""
    dumps = {
        "gateway": gateway or dump("OUTBOUND", routes=[route()]),
        "orders": orders or dump("OUTBOUND", routes=[route()]),
    }
    catalogs = catalog or (dump("INBOUND", transport="tls"),)
    dumps |= {f"catalog-{number}": each for number, each in enumerate(catalogs)}
    objects = [
        pod("gateway", "shop-gateway", "shop-ingress"),
        pod("orders", "orders"),
        *(pod(name, "catalog") for name in dumps if name.startswith("catalog")),
        obj("Service", "catalog", selector={"app": "catalog"}),
        *more,
    ]
    return Live(World(objects=objects, dumps=dumps))
