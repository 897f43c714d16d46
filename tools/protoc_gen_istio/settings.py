"""The plugin's parameters: settings of the installation, not of the contracts. In buf.gen.yaml, set them in `opt`."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self


class ParameterError(Exception):
    """A parameter is unknown or invalid. The text names it and the reason."""


@dataclass(frozen=True)
class Parameters:
    """The parameters of a plugin: the fields of a subclass, each with a default."""

    @classmethod
    def parse(cls, parameter: str) -> Self:
        """Parse `name=value,name=value`. Raises ParameterError."""
        defaults = {field.name: field.default for field in fields(cls)}
        values: dict[str, object] = {}
        for part in filter(None, (part.strip() for part in parameter.split(","))):
            name, equals, value = part.partition("=")
            if name not in defaults:
                raise ParameterError(f"unknown parameter {name!r}; known are {', '.join(defaults)}")
            if not equals or (not value and name != "issuer"):
                raise ParameterError(f"{name} has no value: write {name}=<value>")
            is_number = isinstance(defaults[name], int)
            if is_number and not (value.isascii() and value.isdecimal() and int(value)):
                raise ParameterError(f"{name}={value}: expected a number above 0")
            values[name] = int(value) if is_number else Path(value) if name == "services" else value
        parsed = replace(cls(), **values)
        parsed.check()
        return parsed

    def check(self) -> None:
        """Raise ParameterError for an invalid value."""


@dataclass(frozen=True)
class Settings(Parameters):
    """Each field is a parameter, `name=value`. Its docstring is its description in `--help`."""

    services: Path = Path("services")
    """the folder with the declarations, <service>/service.yaml"""
    namespace: str = "default"
    """the Kubernetes namespace of the services"""
    trust_domain: str = "cluster.local"
    """the mesh's trust domain: an identity is <trust_domain>/ns/<namespace>/sa/<service>"""
    port: int = 50051
    """the gRPC port of every service"""
    database_port: int = 5432
    """the port of the database server, for the NetworkPolicies of services that own resources"""
    events_port: int = 9093
    """the port of the event broker, for the NetworkPolicies of services that emit or consume events"""
    gateway: str = "istio-ingress/public"
    """<namespace>/<name> of the Istio Gateway for public methods"""
    gateway_account: str = "ingressgateway"
    """the ServiceAccount of the gateway's workload, in the Gateway's namespace"""
    gateway_label: str = "istio=ingressgateway"
    """<name>=<value> of a label that only the Pods of the gateway have"""
    gateway_paths: str = ""
    """paths, or templates of paths, that the gateway serves itself, separated by spaces: contracts may not take them"""
    issuer: str = ""
    """the issuer of access tokens (the claim `iss`); if empty, any issuer that a RequestAuthentication trusts"""
    user_header: str = ""
    """the header in which the gateway sends the logged-in user; services reject calls from the gateway without it"""
    collector: str = ""
    """<namespace>/<host>:<port> of the collector of spans, which every workload may reach; if empty, there is none"""
    server: str = ""
    """the first server in the OpenAPI document, such as http://localhost:8080"""
    license: str = ""
    """the SPDX identifier of the license in the OpenAPI document"""
    examples: str = ""
    """a YAML file with a request for each public method, which the OpenAPI document shows"""
    max_depth: int = 3
    """the maximum length of a chain of services that wait for each other"""

    @property
    def gateway_namespace(self) -> str:
        """The namespace of the Gateway."""
        return self.gateway.partition("/")[0]

    @property
    def gateway_selector(self) -> dict[str, str]:
        """The label of the gateway's Pods."""
        name, _, value = self.gateway_label.partition("=")
        return {name: value}

    def principal(self, service: str) -> str:
        """Return the identity of a service."""
        return f"{self.trust_domain}/ns/{self.namespace}/sa/{service}"

    @property
    def gateway_principal(self) -> str:
        """The identity of the gateway."""
        return f"{self.trust_domain}/ns/{self.gateway_namespace}/sa/{self.gateway_account}"

    @property
    def collector_host(self) -> str:
        """The collector as an entry of a Sidecar: "<namespace>/<host>"."""
        return self.collector.rpartition(":")[0]

    @property
    def collector_port(self) -> int:
        """The port of the collector."""
        return int(self.collector.rpartition(":")[2])

    def host(self, service: str) -> str:
        """Return the host name of a service."""
        return f"{service}.{self.namespace}.svc.cluster.local"

    def check(self) -> None:
        """Raise ParameterError for an invalid value."""
        for path in self.gateway_paths.split():
            if not path.startswith("/"):
                raise ParameterError(f"gateway_paths={self.gateway_paths}: {path} does not start with /")
        namespace, slash, gateway = self.gateway.partition("/")
        if not (namespace and slash and gateway):
            raise ParameterError(f"gateway={self.gateway}: expected <namespace>/<name>")
        if self.collector and not re.fullmatch(r"[^/:\s]+/[^/:\s]+:[1-9]\d*", self.collector, re.ASCII):
            raise ParameterError(f"collector={self.collector}: expected <namespace>/<host>:<port>")
        if not re.fullmatch(r"[^=\s]+=[^=\s]+", self.gateway_label):
            raise ParameterError(f"gateway_label={self.gateway_label}: expected <name>=<value>")
