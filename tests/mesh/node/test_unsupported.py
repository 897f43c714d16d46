"""Fields that this node cannot honour: it says so in an event, and never ignores them in silence."""

import pytest

from tests.mesh.node.cases import Case, each
from tests.mesh.node.pods import Node, container

CASES = [
    Case(
        "image-unknown",
        [container("true", image="nginx:1")],
        phase="Pending",
        state="ErrImageNeverPull",
        event="no local program replaces image nginx:1",
    ),
    Case(
        "limits",
        [container("true", resources={"limits": {"memory": "8Mi"}})],
        event="does not enforce: resources.limits",
    ),
    Case(
        "security-context",
        [container("true", securityContext={"runAsUser": 4711, "readOnlyRootFilesystem": True})],
        event="securityContext.readOnlyRootFilesystem, securityContext.runAsUser",
    ),
    Case(
        "pod-security-context",
        [container("true")],
        spec={"securityContext": {"fsGroup": 7}},
        event="securityContext.fsGroup",
    ),
    Case(
        "read-only-mount",
        [container("true", volumeMounts=[{"name": "v", "mountPath": "/v", "readOnly": True}])],
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
        event="volumeMounts.readOnly",
    ),
    Case(
        "host-aliases",
        [container("true")],
        spec={"hostAliases": [{"ip": "127.0.0.9", "hostnames": ["x"]}]},
        event="does not enforce: hostAliases",
    ),
    Case("host-name", [container("true")], spec={"hostname": "x", "subdomain": "y"}, event="hostname, subdomain"),
    Case(
        "dns",
        [container("true")],
        spec={"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.9"]}},
        event="dnsConfig, dnsPolicy",
    ),
    Case(
        "working-directory",
        [container("pwd | sed 's,.*/,,'; ls ../f", workingDir="/a/b")],
        log="b\n../f",
        spec={"initContainers": [container("mkdir -p a; touch a/f", name="init")]},
    ),
    Case(
        "host-network",
        [container("echo $IP", env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])],
        spec={"hostNetwork": True},
    ),
    Case("stdin-and-tty", [container("true", tty=True, stdin=True)], event="does not enforce: stdin, tty"),
    Case(
        "no-node-fits",
        [container("true")],
        phase="Pending",
        spec={"nodeSelector": {"disk": "ssd"}},
        event="FailedScheduling",
    ),
    Case(
        "cpu-request-too-large",
        [container("true", resources={"requests": {"cpu": "9999"}})],
        phase="Pending",
        event="Insufficient cpu",
    ),
]


@pytest.mark.usefixtures("started")
@each(CASES)
async def test_fields(node: Node, case: Case) -> None:
    await case.check(node)
