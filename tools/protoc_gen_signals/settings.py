"""The plugin's parameters. In buf.gen.yaml, set them in `opt`."""

from dataclasses import dataclass
from pathlib import Path

from tools.protoc_gen_istio import settings as istio


@dataclass(frozen=True)
class Settings(istio.Parameters):
    """Each field is a parameter, `name=value`. Its docstring is its description in `--help`."""

    services: Path = Path("services")
    """the folder with the declarations, <service>/service.yaml"""
    namespace: str = "default"
    """the Kubernetes namespace of the services"""
    gateway_namespace: str = "istio-ingress"
    """the namespace of the gateway"""
    observability_namespace: str = "observability"
    """the namespace of what collects and stores the signals"""
    jobs: str = ""
    """the workloads that end by themselves, separated by spaces: they are never down"""
    runbooks: str = "docs/runbooks"
    """a folder or a URL; an alert has the runbook <runbooks>/<name>.md"""

    @property
    def workloads(self) -> str:
        """The selector of the workloads of the mesh."""
        namespaces = f"{self.namespace}|{self.gateway_namespace}|{self.observability_namespace}"
        jobs = f', app!~"{"|".join(self.jobs.split())}"' if self.jobs else ""
        return f'namespace=~"{namespaces}", app!=""{jobs}'
