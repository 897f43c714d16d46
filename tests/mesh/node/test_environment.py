"""What a container's environment is made of."""

import pytest

from tests.mesh.node.cases import Case, each
from tests.mesh.node.pods import Node, config_map, container, secret

MISSING = {"name": "missing", "key": "k"}
KEYS = {"good": "yes", "with.dot": "dot", "2nd": "digit"}

CASES = [
    Case(
        "env-expansion",
        [container("echo $C", env=[{"name": "A", "value": "a"}, {"name": "C", "value": "$(A)$(B)$$(A)"}])],
        log="a$(B)$(A)",
    ),
    Case("command-expansion", [container("echo $(A)", env=[{"name": "A", "value": "value"}])], log="value"),
    Case(
        "env-config-map-key",
        [container("echo $V", env=[{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "env-one", "key": "k"}}}])],
        log="one",
        objects=[config_map("env-one", {"k": "one"})],
    ),
    Case(
        "env-secret-key",
        [container("echo $V", env=[{"name": "V", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}}])],
        log="hidden",
        objects=[secret("env-secret", {"k": "hidden"})],
    ),
    Case(
        "env-from-with-prefix",
        [container("echo $P_k $k", envFrom=[{"prefix": "P_", "configMapRef": {"name": "env-two"}}])],
        log="two",
        objects=[config_map("env-two", {"k": "two"})],
    ),
    Case(
        "env-optional-missing",
        [
            container(
                "echo [$V]",
                env=[{"name": "V", "valueFrom": {"configMapKeyRef": MISSING | {"optional": True}}}],
                envFrom=[{"secretRef": {"name": "missing", "optional": True}}],
            )
        ],
        log="[]",
    ),
    Case(
        "env-missing-key",
        [container("true", env=[{"name": "V", "valueFrom": {"secretKeyRef": MISSING}}])],
        phase="Pending",
        state="CreateContainerConfigError",
        event="secrets missing not found",
    ),
    Case(
        "env-odd-names",
        [
            container(
                "",
                image="grpc-mesh/services:dev",
                command=["python", "-c", "import os; print(os.environ['with.dot'], os.environ['2nd'])"],
                envFrom=[{"configMapRef": {"name": "env-odd"}}],
            )
        ],
        log="dot digit",
        objects=[config_map("env-odd", KEYS)],
    ),
    Case(
        "env-binary-data-is-not-read",
        [container("env | grep -c raw || true", envFrom=[{"configMapRef": {"name": "env-binary"}}])],
        log="0",
        objects=[config_map("env-binary", binaryData={"raw": "AAEC/w=="})],
    ),
    Case(
        "env-resources",
        [
            container(
                "echo $CPU $MEMORY",
                resources={"limits": {"cpu": "1250m", "memory": "64Mi"}},
                env=[
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {
                        "name": "MEMORY",
                        "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
                    },
                ],
            )
        ],
        log="2 64",
    ),
    Case(
        "env-pod-fields",
        [
            container(
                "echo $NAME $NAMESPACE; test $IP = $IPS && test -n $NODE && test -n $UID_OF_POD",
                env=[
                    {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
                    for name, path in {
                        "NAME": "metadata.name",
                        "NAMESPACE": "metadata.namespace",
                        "UID_OF_POD": "metadata.uid",
                        "NODE": "spec.nodeName",
                        "IP": "status.podIP",
                        "IPS": "status.podIPs",
                    }.items()
                ],
            )
        ],
        log="env-pod-fields conformance",
    ),
    Case(
        "env-of-services",
        [container("echo $ENV_SERVICE_SERVICE_PORT $KUBERNETES_SERVICE_PORT")],
        log="",
        objects=[
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "env-service", "namespace": "conformance"},
                "spec": {"ports": [{"port": 80}]},
            }
        ],
    ),
    Case(
        "env-file-key",
        [
            container(
                "true",
                env=[{"name": "V", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "env", "key": "K"}}}],
            )
        ],
        phase="Pending",
        state="fileKeyRef",
        event="fileKeyRef",
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
]


@pytest.mark.usefixtures("started")
@each(CASES)
async def test_environment(node: Node, case: Case) -> None:
    await case.check(node)


async def test_a_container_starts_when_what_it_waits_for_exists(node: Node) -> None:
    await node.apply(*_waiting().manifests)
    await node.wait_for_state("env-late", "CreateContainerConfigError")
    await node.apply(secret("env-late", {"k": "late"}))
    await node.wait("env-late")
    assert await node.logs("env-late") == "late\n"


def _waiting() -> Case:
    source = {"secretKeyRef": {"name": "env-late", "key": "k"}}
    return Case("env-late", [container("echo $V", env=[{"name": "V", "valueFrom": source}])])
