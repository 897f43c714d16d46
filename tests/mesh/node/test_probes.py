"""Startup, readiness and liveness probes of every kind, and hooks before and after."""

import asyncio

import psutil
import pytest

from tests.mesh.harness import Manifest
from tests.mesh.node.cases import Case, each
from tests.mesh.node.pods import POD_TIMEOUT_SECONDS, Node, container, pod
from tests.support.clock import eventually

SERVER = """
import http.server, os, sys, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, self.headers.get("X-Probe"), self.headers["User-Agent"].split("/")[0], flush=True)
        code = int(self.path.strip("/").split("/")[0] or 200)
        self.send_response(code)
        if code == 302: self.send_header("Location", self.path[4:])
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer((os.environ["IP"], 8000), Handler)
if sys.argv[1:]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
IP = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
FAST = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 10}


def server(**fields: object) -> Manifest:
    """Return a container with an HTTP server, which responds with the status code that the path names."""
    command = ["python", "-c", SERVER]
    ports = [{"name": "web", "containerPort": 8000}]
    # Python takes a while to start on a busy machine.
    startup = FAST | {"tcpSocket": {"port": "web"}, "failureThreshold": 120}
    image = "grpc-mesh/services:dev"
    given = {"image": image, "command": command, "env": [IP], "ports": ports, "startupProbe": startup}
    return {"name": "main"} | given | fields


def get(path: str, **fields: object) -> Manifest:
    """Return an HTTP probe."""
    return FAST | {"httpGet": {"path": path, "port": "web", **fields}}


def command(script: str, **fields: object) -> Manifest:
    """Return a probe that runs a script."""
    return FAST | {"exec": {"command": ["sh", "-c", script]}} | fields


SLEEP = "trap 'exit 0' TERM; sleep 300 & wait"
READY, RESTARTED = '"ready": true', '"restartCount": 1'

CASES = [
    Case(
        "probe-http-headers",
        [server(readinessProbe=get("/200", httpHeaders=[{"name": "X-Probe", "value": "yes"}]))],
        phase="Running",
    ),
    Case(
        "probe-https",
        [
            server(
                args=["pki/kubelet.crt", "pki/kubelet.key"],
                readinessProbe=get("/200", scheme="HTTPS"),
                volumeMounts=[{"name": "pki", "mountPath": "/pki"}],
            )
        ],
        phase="Running",
        spec={"volumes": [{"name": "pki", "hostPath": {"path": "/etc/kubernetes/pki"}}]},
    ),
    Case(
        "probe-http-failure",
        [server(livenessProbe=get("/500"))],
        phase="Running",
        event="Liveness probe failed: HTTP probe failed with statuscode: 500",
        spec={"restartPolicy": "Always"},
    ),
    Case(
        "probe-http-local-redirect",
        [server(livenessProbe=get("/302/500"))],
        phase="Running",
        event="Liveness probe failed: HTTP probe failed with statuscode: 500",
        spec={"restartPolicy": "Always"},
    ),
    Case(
        "probe-http-other-redirect",
        [server(livenessProbe=get("/302//0.0.0.0/500"))],
        phase="Running",
        event="ProbeWarning",
    ),
    Case(
        "probe-unknown-port",
        [server(readinessProbe=FAST | {"tcpSocket": {"port": "missing"}})],
        phase="Running",
        event="no port is named missing",
    ),
    Case(
        "probe-exec-timeout",
        [container(SLEEP, readinessProbe=command("sleep 300", timeoutSeconds=1))],
        phase="Running",
        event="Readiness probe failed: timed out after 1s",
    ),
    Case(
        "probe-exec-output",
        [container(SLEEP, readinessProbe=command("echo broken; exit 3"))],
        phase="Running",
        event="Readiness probe failed: exit code 3: broken",
    ),
    Case(
        "probe-exec-missing-program",
        [container(SLEEP, readinessProbe=FAST | {"exec": {"command": ["/none"]}})],
        phase="Running",
        event="Readiness probe failed",
    ),
    Case(
        "probe-tcp-failure",
        [container(SLEEP, readinessProbe=FAST | {"tcpSocket": {"port": 9}})],
        phase="Running",
        event="Readiness probe failed",
    ),
    Case(
        "probe-grpc-failure",
        [container(SLEEP, readinessProbe=FAST | {"grpc": {"port": 9}})],
        phase="Running",
        event="Readiness probe failed",
    ),
    Case(
        "probe-startup-failure",
        [container(SLEEP, startupProbe=command("false"))],
        phase="Running",
        event="Startup probe failed",
        spec={"restartPolicy": "Always"},
    ),
    Case(
        "post-start-exec",
        [
            container(
                "until [ -e hook ]; do sleep 0.1; done; cat hook",
                env=[{"name": "WORD", "value": "hooked"}],
                lifecycle={"postStart": {"exec": {"command": ["sh", "-c", "echo $WORD > hook"]}}},
            )
        ],
        log="hooked",
    ),
    Case(
        "post-start-failure",
        [container("exec sleep 300", lifecycle={"postStart": {"exec": {"command": ["false"]}}})],
        phase="Failed",
        event="FailedPostStartHook",
    ),
    Case(
        "post-start-missing-program",
        [container("exec sleep 300", lifecycle={"postStart": {"exec": {"command": ["/none"]}}})],
        phase="Failed",
        event="FailedPostStartHook",
    ),
    Case("post-start-sleep", [container(SLEEP, lifecycle={"postStart": {"sleep": {"seconds": 1}}})], phase="Running"),
]


@pytest.mark.usefixtures("started")
@each(CASES)
async def test_probes_and_hooks(node: Node, case: Case) -> None:
    await case.check(node)


@pytest.mark.usefixtures("started")
async def test_an_http_probe_sends_its_headers_and_the_agent_of_a_kubelet(node: Node) -> None:
    await node.wait_for_log("probe-http-headers", "/200 yes kube-probe")


@pytest.mark.usefixtures("started")
async def test_an_https_probe_does_not_verify_the_certificate(node: Node) -> None:
    await wait_until(node, "probe-https", ready=True)


@pytest.mark.usefixtures("started")
async def test_a_redirect_to_another_host_restarts_nothing(node: Node) -> None:
    await node.wait_for_event("probe-http-other-redirect", "ProbeWarning")
    assert (await node.status("probe-http-other-redirect"))["restartCount"] == 0


async def wait_until(node: Node, name: str, **expected: object) -> None:
    """Wait until fields of a container's status have these values."""
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
        with attempt:
            status = await node.status(name)
            assert {key: status[key] for key in expected} == expected


async def test_readiness_follows_the_probe_and_counts_successes(node: Node) -> None:
    probe = command("echo x >> probed; [ -e ok ]", successThreshold=3)
    await node.apply(pod("flips", container(SLEEP, readinessProbe=probe)))
    await node.wait("flips", "Running")
    folder = node.mesh.home / "pods" / (await node.get("flips"))["metadata"]["uid"]
    await wait_until(node, "flips", ready=False, started=True)
    (folder / "ok").touch()
    before = len((folder / "probed").read_text())
    await wait_until(node, "flips", ready=True)
    assert len((folder / "probed").read_text()) - before >= 2 * 2, "one of three may have been under way"
    (folder / "ok").unlink()
    await wait_until(node, "flips", ready=False, restartCount=0)


async def test_no_readiness_before_the_initial_delay(node: Node) -> None:
    probe = command("date +%s > probed", initialDelaySeconds=3)
    await node.apply(pod("delayed", container(f"date +%s > started; {SLEEP}", readinessProbe=probe)))
    await wait_until(node, "delayed", ready=True)
    folder = node.mesh.home / "pods" / (await node.get("delayed"))["metadata"]["uid"]
    assert int((folder / "probed").read_text()) - int((folder / "started").read_text()) >= 2


async def test_a_liveness_probe_restarts_after_the_hook_and_its_own_grace_period(node: Node) -> None:
    probe = command("[ ! -e sick ]", terminationGracePeriodSeconds=1)
    stubborn = "trap '' TERM; [ -e sick ] && rm sick || touch sick; while :; do sleep 1; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "touch stopped"]}}}
    sick = container(stubborn, livenessProbe=probe, lifecycle=hook)
    await node.apply(pod("sick", sick, restartPolicy="Always", terminationGracePeriodSeconds=600))
    await wait_until(node, "sick", restartCount=1)
    await node.wait_for_event("sick", "Liveness probe failed")
    folder = node.mesh.home / "pods" / (await node.get("sick"))["metadata"]["uid"]
    assert (folder / "stopped").exists()
    await node.kubectl("delete", "pod", "sick", "--now")


@pytest.mark.parametrize(
    "hook", ["exec", "missing", *(pytest.param(hook, marks=pytest.mark.prove) for hook in ("httpGet", "sleep"))]
)
async def test_a_pre_stop_hook_runs_before_sigterm(node: Node, hook: str) -> None:
    """Its output is in the log of the container, which outlives the Pod nowhere: it is followed."""
    handlers: dict[str, Manifest] = {
        "exec": {"exec": {"command": ["sh", "-c", "touch hook; sleep 0.3"]}},
        "httpGet": {"httpGet": {"path": "/200/hook", "port": 8000}},
        "missing": {"exec": {"command": ["/none"]}},
        "sleep": {"sleep": {"seconds": 1}},
    }
    name = f"stops-{hook.lower()}"
    main = (
        server()
        if hook == "httpGet"
        else container("trap 'ls hook; echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done")
    )
    main["lifecycle"] = {"preStop": handlers[hook]}
    if hook == "httpGet":
        main["readinessProbe"] = get("/200")
    await node.apply(pod(name, main, terminationGracePeriodSeconds=20))
    await node.wait_for_log(name, "/200" if hook == "httpGet" else "up")
    following = asyncio.create_task(node.logs(name, "-f"))
    async for attempt in eventually(retry=(AssertionError, psutil.Error)):  # Error: one has just ended
        with attempt:
            assert any("logs" in p.cmdline() and name in p.cmdline() for p in psutil.Process().children(recursive=True))
    await node.kubectl("delete", "pod", name)
    log = await following
    expected = {"exec": "hook\nbye", "httpGet": "/200/hook", "missing": "bye", "sleep": "bye"}
    assert expected[hook] in log, log
    if hook == "missing":
        await node.wait_for_event(name, "FailedPreStopHook")


async def test_a_readiness_gate_holds_the_pod_back(node: Node) -> None:
    await node.apply(pod("gated", container(SLEEP), readinessGates=[{"conditionType": "open"}]))
    await wait_until(node, "gated", ready=True)
    assert await condition(node, "gated", "ContainersReady") == "True"
    assert await condition(node, "gated", "Ready") == "False"
    patch = '{"status": {"conditions": [{"type": "open", "status": "True"}]}}'
    await node.kubectl("patch", "pod", "gated", "--subresource=status", "-p", patch)
    async for attempt in eventually(POD_TIMEOUT_SECONDS):
        with attempt:
            assert await condition(node, "gated", "Ready") == "True"


async def condition(node: Node, name: str, kind: str) -> str:
    """Return the status of a condition of a Pod."""
    conditions = (await node.get(name))["status"]["conditions"]
    status: str = next(each["status"] for each in conditions if each["type"] == kind)
    return status


async def test_probes_of_a_sidecar_hold_the_pod_back(node: Node) -> None:
    sidecar = container(
        SLEEP, name="sidecar", restartPolicy="Always", startupProbe=command("[ -e open ]") | {"failureThreshold": 300}
    )
    await node.apply(pod("held", container("echo main"), initContainers=[sidecar]))
    await node.wait_for_state("held", "running", "sidecar")
    status = await node.status("held")
    assert status["state"]["waiting"]["reason"] == "PodInitializing"
    (node.mesh.home / "pods" / (await node.get("held"))["metadata"]["uid"] / "open").touch()
    await node.wait("held")
