"""The plugin's parameters: what is an installation's and no contract's. In buf.gen.yaml they stand under `opt`."""

from dataclasses import dataclass, fields, replace
from pathlib import Path


class ParameterError(Exception):
    """A parameter is unknown or has no use; the text says which and why."""


@dataclass(frozen=True)
class Settings:
    """Each field is a parameter, `name=value`; its docstring is what `--help` tells of it."""

    services: Path = Path("services")
    """the folder whose <service>/service.yaml declare who calls whom"""
    namespace: str = "default"
    """the Kubernetes namespace of the services"""
    trust_domain: str = "cluster.local"
    """the mesh's trust domain: an identity is <trust_domain>/ns/<namespace>/sa/<service>"""
    port: int = 50051
    """the port of every service's gRPC"""
    gateway: str = "istio-ingress/public"
    """<namespace>/<name> of the Istio Gateway that public methods are reached through"""
    gateway_account: str = "ingressgateway"
    """the ServiceAccount of the gateway's workload, in the Gateway's namespace"""
    gateway_label: str = "ingressgateway"
    """the value of the label `istio` of the gateway's workload"""
    issuer: str = ""
    """who signs the access tokens (the claim `iss`); empty, whoever a RequestAuthentication trusts"""
    user_header: str = ""
    """the header in which the gateway names who is signed in; a service refuses the gateway's calls without it"""
    max_depth: int = 3
    """how many services may wait for each other in a row"""

    @property
    def gateway_namespace(self) -> str:
        """The namespace of the Gateway."""
        return self.gateway.partition("/")[0]

    def principal(self, service: str) -> str:
        """Answer the identity of a service."""
        return f"{self.trust_domain}/ns/{self.namespace}/sa/{service}"

    @property
    def gateway_principal(self) -> str:
        """The identity of the gateway."""
        return f"{self.trust_domain}/ns/{self.gateway_namespace}/sa/{self.gateway_account}"

    def host(self, service: str) -> str:
        """Answer the host under which a service is called."""
        return f"{service}.{self.namespace}.svc.cluster.local"

    @classmethod
    def parse(cls, parameter: str) -> "Settings":
        """Read `name=value,name=value`. Raises ParameterError."""
        known = {field.name: field.default for field in fields(cls)}
        given: dict[str, object] = {}
        for part in filter(None, (part.strip() for part in parameter.split(","))):
            name, equals, value = part.partition("=")
            if name not in known:
                raise ParameterError(f"unknown parameter {name!r}; known are {', '.join(known)}")
            if not equals or (not value and name != "issuer"):
                raise ParameterError(f"{name} has no value: write {name}=<value>")
            kind = type(known[name])
            if kind is int and not (value.isascii() and value.isdecimal() and int(value)):
                raise ParameterError(f"{name}={value}: expected a number above 0")
            given[name] = int(value) if kind is int else Path(value) if name == "services" else value
        settings = replace(cls(), **given)  # type: ignore[arg-type]  # each value has its field's type
        namespace, slash, gateway = settings.gateway.partition("/")
        if not (namespace and slash and gateway):
            raise ParameterError(f"gateway={settings.gateway}: expected <namespace>/<name>")
        return settings
