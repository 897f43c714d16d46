"""The configuration of one Envoy, as it is in effect now."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from mesh.local.why.matchers import Json

HTTP = "envoy.filters.network.http_connection_manager"
TLS = "tls"
DUMP = "config_dump"


@dataclass(frozen=True)
class Chain:
    """How a listener treats the calls of one kind of connection."""

    address: str
    """The address of the listener."""
    port: int
    is_tls: bool
    """Whether it is for connections with TLS: inside the mesh, mutual TLS."""
    http: Json
    """The HttpConnectionManager."""

    @property
    def filters(self) -> list[tuple[str, Json]]:
        """The HTTP filters in order: the name of their type, and their configuration."""
        configs = [each.get("typed_config", {}) for each in self.http.get("http_filters", [])]
        return [(config.get("@type", "").rpartition(".")[2], config) for config in configs]


@dataclass(frozen=True)
class Proxy:
    """The Envoy of a Pod. `dump` is what its admin API returns for /config_dump."""

    pod: Json
    dump: Json

    @property
    def name(self) -> str:
        """The name of the Pod."""
        return str(self.pod["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The namespace of the Pod."""
        return str(self.pod["metadata"]["namespace"])

    @cached_property
    def chains(self) -> dict[str, list[Chain]]:
        """The filter chains for HTTP, by the direction of the listener: INBOUND or OUTBOUND."""
        chains: dict[str, list[Chain]] = {"INBOUND": [], "OUTBOUND": []}
        for listener in self._resources("dynamic_listeners", "active_state", "listener"):
            chains.setdefault(listener.get("traffic_direction", ""), []).extend(_chains(listener))
        return chains

    @cached_property
    def routes(self) -> dict[str, Json]:
        """The route configurations, by name."""
        return {each["name"]: each for each in self._resources("dynamic_route_configs", "route_config")}

    @cached_property
    def clusters(self) -> dict[str, Json]:
        """The clusters, by name."""
        return {each["name"]: each for each in self._resources("dynamic_active_clusters", "cluster")}

    def outbound(self, port: int | None = None) -> Chain | None:
        """Return the chain for outgoing calls to a port; without a port, the first one."""
        return next((chain for chain in self.chains["OUTBOUND"] if port in {None, chain.port}), None)

    def inbound(self, port: int, *, is_tls: bool) -> Chain | None:
        """Return the chain for incoming calls to a port."""
        return next((each for each in self.chains["INBOUND"] if (each.port, each.is_tls) == (port, is_tls)), None)

    def route_config(self, chain: Chain) -> Json:
        """Return the routes of a chain."""
        return self.routes.get(chain.http.get("rds", {}).get("route_config_name", ""), {})

    def uses_tls(self, cluster: str) -> bool:
        """Return whether it calls a cluster with mutual TLS."""
        config = self.clusters.get(cluster, {})
        sockets = [each["transport_socket"] for each in config.get("transport_socket_matches", [])]
        sockets += [config["transport_socket"]] if "transport_socket" in config else []
        return any(socket["name"].endswith(TLS) for socket in sockets)

    def _resources(self, kind: str, *path: str) -> Iterator[Json]:
        for config in self.dump["configs"]:
            for each in config.get(kind, []):
                resource = each
                for key in path:
                    resource = resource.get(key, {})
                if resource:
                    yield resource


def _chains(listener: Json) -> Iterator[Chain]:
    socket = listener.get("address", {}).get("socket_address", {})
    chains = [*listener.get("filter_chains", []), *filter(None, [listener.get("default_filter_chain")])]
    for chain in chains:
        match = chain.get("filter_chain_match", {})
        for each in chain.get("filters", []):
            if each["name"] == HTTP:
                port = match.get("destination_port", socket.get("port_value", 0))
                is_tls = match.get("transport_protocol") == TLS
                yield Chain(socket.get("address", ""), port, is_tls, each["typed_config"])
