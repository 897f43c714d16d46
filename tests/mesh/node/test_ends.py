"""How Pods end: exit codes, restarts, Jobs, deadlines, deletion, the order of init containers and sidecars."""

import pytest

from tests.mesh.harness import Manifest
from tests.mesh.node.cases import Case, each
from tests.mesh.node.pods import NAMESPACE, POD_TIMEOUT_SECONDS, Node, container, pod
from tests.support.clock import eventually

SLEEP = "trap 'exit 0' TERM; sleep 300 & wait"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.1; done"
SIDECAR = {"restartPolicy": "Always"}


def init(script: str, name: str = "init", **fields: object) -> list[Manifest]:
    """Return an init container."""
    return [container(script, name=name, **fields)]


CASES = [
    Case("exit-code", [container("exit 3")], phase="Failed", state='"exitCode": 3, "reason": "Error"'),
    Case("exit-by-signal", [container("kill -9 $$$$")], phase="Failed", state='"exitCode": 137'),
    Case("succeeded", [container("true")], state='"exitCode": 0, "reason": "Completed"'),
    Case("no-such-program", [container("", command=["/none"])], phase="Failed", state="StartError", event="/none"),
    Case(
        "restart-on-failure",
        [container("[ -e again ] || { touch again; exit 1; }; echo again")],
        log="again",
        spec={"restartPolicy": "OnFailure"},
    ),
    Case(
        "init-fails-never",
        [container("echo main")],
        phase="Failed",
        state="PodInitializing",
        spec={"initContainers": init("exit 1")},
    ),
    Case(
        "init-restarts-on-failure",
        [container("echo main")],
        log="main",
        spec={"restartPolicy": "OnFailure", "initContainers": init("[ -e again ] || { touch again; exit 1; }")},
    ),
    Case(
        "init-order",
        [container("cat order | tr -d '\\n'")],
        log="123",
        spec={
            "initContainers": [
                *init("sleep 0.3; echo 1 >> order"),
                *init(
                    "echo 2 >> order; exec sleep 300",
                    "side",
                    **SIDECAR,
                    startupProbe={
                        "exec": {"command": ["grep", "2", "order"]},
                        "periodSeconds": 1,
                        "failureThreshold": 30,
                    },
                ),
                *init("echo 3 >> order", "last"),
            ]
        },
    ),
    Case(
        "sidecar-ends-with-the-pod",
        [container("echo main")],
        log="main",
        spec={"initContainers": init(SLEEP, "side", **SIDECAR)},
    ),
    Case(
        "active-deadline",
        [container(SLEEP)],
        phase="Failed",
        spec={"activeDeadlineSeconds": 1},
        event="DeadlineExceeded",
    ),
    Case(
        "termination-message", [container("mkdir -p dev; printf done > dev/termination-log")], state='"message": "done"'
    ),
    Case(
        "termination-message-from-log",
        [container("echo broken; exit 1", terminationMessagePolicy="FallbackToLogsOnError")],
        phase="Failed",
        state='"message": "broken\\n"',
    ),
    Case(
        "container-restart-policy",
        [container("[ -e again ] || { touch again; exit 1; }; echo again", restartPolicy="OnFailure")],
        log="again",
    ),
    Case(
        "container-restart-rules",
        [
            container(
                "[ -e again ] || { touch again; exit 42; }; exit 1",
                restartPolicy="Never",
                restartPolicyRules=[{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
            )
        ],
        phase="Failed",
        state='"exitCode": 1,',
    ),
]


@pytest.mark.usefixtures("started")
@each(CASES)
async def test_ends(node: Node, case: Case) -> None:
    await case.check(node)


@pytest.mark.usefixtures("started")
async def test_a_finished_pod_is_not_ready_and_says_why(node: Node) -> None:
    conditions = {c["type"]: c for c in (await node.wait("succeeded"))["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "False"
    assert conditions["Ready"]["reason"] == "PodCompleted"
    assert conditions["Initialized"]["status"] == "True"


@pytest.mark.usefixtures("started")
async def test_the_deadline_is_in_the_status(node: Node) -> None:
    status = (await node.wait("active-deadline", "Failed"))["status"]
    assert status["reason"] == "DeadlineExceeded"
    assert "running" not in status["containerStatuses"][0]["state"]


@pytest.mark.usefixtures("started")
async def test_a_pod_whose_init_container_failed_never_runs_its_containers(node: Node) -> None:
    status = (await node.wait("init-fails-never", "Failed"))["status"]
    assert "terminated" in status["initContainerStatuses"][0]["state"]
    assert status["containerStatuses"][0]["restartCount"] == 0


async def test_the_address_of_a_pod_that_has_ended_is_not_the_next_pods(node: Node) -> None:
    addresses = set()
    for number in range(3):
        await node.apply(pod(f"address-{number}", container(SLEEP)))
        await node.wait(f"address-{number}", "Running")
        addresses.add((await node.get(f"address-{number}"))["status"]["podIP"])
        await node.kubectl("delete", "pod", f"address-{number}", "--now")
    assert len(addresses) == 3


async def test_a_process_that_ignores_sigterm_is_killed(node: Node) -> None:
    await node.apply(pod("stubborn", container(STUBBORN)))
    await node.wait_for_log("stubborn", "up")
    uid = (await node.get("stubborn"))["metadata"]["uid"]
    await node.kubectl("delete", "pod", "stubborn")
    assert not node.mesh.processes("", uid)


@pytest.mark.prove
async def test_a_forced_deletion_shortens_the_grace_period_of_an_earlier_one(node: Node) -> None:
    await node.apply(pod("hurried", container(STUBBORN), terminationGracePeriodSeconds=600))
    await node.wait_for_log("hurried", "up")
    uid = (await node.get("hurried"))["metadata"]["uid"]
    await node.kubectl("delete", "pod", "hurried", "--wait=false")
    await node.kubectl("delete", "pod", "hurried", "--force", "--grace-period=0")
    async for attempt in eventually(30):
        with attempt:
            assert not node.mesh.processes("", uid)
            assert not (node.mesh.home / "pods" / uid).exists()


@pytest.mark.prove
async def test_a_second_deletion_may_shorten_the_grace_period(node: Node) -> None:
    await node.apply(pod("shorter", container(STUBBORN), terminationGracePeriodSeconds=600))
    await node.wait_for_log("shorter", "up")
    await node.kubectl("delete", "pod", "shorter", "--wait=false")
    await node.kubectl("delete", "pod", "shorter", "--now")


async def test_a_pod_that_is_deleted_while_it_waits_is_gone_at_once(node: Node) -> None:
    volumes = [{"name": "v", "configMap": {"name": "none"}}]
    await node.apply(pod("waiting", container("true"), terminationGracePeriodSeconds=600, volumes=volumes))
    await node.wait_for_event("waiting", "none not found")
    await node.kubectl("delete", "pod", "waiting")


async def test_sidecars_stop_after_the_containers_in_reverse_order(node: Node) -> None:
    script = "trap 'echo {0} >> ../stopped; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    sides = [container(script.format(name), name=name, **SIDECAR) for name in ("one", "two")]
    await node.apply(
        pod("ordered", container(script.format("main")), initContainers=sides, terminationGracePeriodSeconds=30)
    )
    await node.wait_for_log("ordered", "up", "main")
    (node.mesh.home / "pods" / "stopped").unlink(missing_ok=True)
    await node.kubectl("delete", "pod", "ordered")
    assert (node.mesh.home / "pods" / "stopped").read_text().split() == ["main", "two", "one"]
    (node.mesh.home / "pods" / "stopped").unlink()


def job(name: str, script: str, **spec: object) -> Manifest:
    """Return a Job."""
    template = {"spec": {"restartPolicy": "Never", "containers": [container(script)]}}
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template} | spec}


async def wait_for_job(node: Node, name: str, **expected: object) -> None:
    """Wait until a Job's status has these values."""
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            status = (await node.mesh.get("jobs", "-n", NAMESPACE, name))["status"]
            assert {key: status.get(key) for key in expected} == expected, status


async def test_a_job_completes_with_its_completions(node: Node) -> None:
    await node.apply(job("counts", "true", completions=3, parallelism=2))
    await wait_for_job(node, "counts", succeeded=3)


@pytest.mark.prove
async def test_a_job_gives_up_at_its_backoff_limit(node: Node) -> None:
    await node.apply(job("fails", "exit 1", backoffLimit=0))
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            conditions = (await node.mesh.get("jobs", "-n", NAMESPACE, "fails"))["status"].get("conditions", [])
            assert "BackoffLimitExceeded" in [c.get("reason") for c in conditions]


@pytest.mark.prove
async def test_a_job_ends_at_its_deadline_and_its_pods_with_it(node: Node) -> None:
    await node.apply(job("late", SLEEP, activeDeadlineSeconds=1))
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            conditions = (await node.mesh.get("jobs", "-n", NAMESPACE, "late"))["status"].get("conditions", [])
            assert "DeadlineExceeded" in [c.get("reason") for c in conditions]
            assert not (await node.mesh.get("pods", "-n", NAMESPACE, "-l", "job-name=late"))["items"]


@pytest.mark.prove
async def test_a_job_is_removed_after_its_time_to_live(node: Node) -> None:
    await node.apply(job("short", "true", ttlSecondsAfterFinished=1))
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            jobs = (await node.mesh.get("jobs", "-n", NAMESPACE))["items"]
            assert "short" not in [each["metadata"]["name"] for each in jobs]


@pytest.mark.prove
async def test_a_deleted_pod_of_a_job_is_failed_before_it_is_gone(node: Node) -> None:
    """With this policy the Job waits for the phase Failed before it replaces the Pod."""
    await node.apply(job("replaces", "trap 'exit 1' TERM; sleep 300 & wait", podReplacementPolicy="Failed"))
    await wait_for_job(node, "replaces", active=1, ready=1)
    (first,) = (await node.mesh.get("pods", "-n", NAMESPACE, "-l", "job-name=replaces"))["items"]
    await node.kubectl("delete", "pod", first["metadata"]["name"])
    await wait_for_job(node, "replaces", active=1, ready=1, failed=1)


@pytest.mark.prove
async def test_a_stateful_set_starts_in_order_and_a_pod_keeps_its_name(node: Node) -> None:
    labels = {"app": "ordered-set"}
    ready = {"exec": {"command": ["test", "-e", "go"]}, "periodSeconds": 1}
    spec = {
        "serviceName": "set",
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [container(f"sleep 0.5; touch go; {SLEEP}", readinessProbe=ready)],
            },
        },
    }
    meta = {"name": "set", "namespace": NAMESPACE}
    await node.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec})
    first, second = await _ready(node, "set-0"), await _ready(node, "set-1")
    started = [
        next(c["lastTransitionTime"] for c in each["status"]["conditions"] if c["type"] == kind)
        for each, kind in ((first, "Ready"), (second, "PodScheduled"))
    ]
    assert started[0] <= started[1], "the second Pod waits until the first one is ready"
    await node.kubectl("delete", "pod", "set-0", "--force", "--grace-period=0")
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            assert (await _ready(node, "set-0"))["metadata"]["uid"] != first["metadata"]["uid"]


async def _ready(node: Node, name: str) -> Manifest:
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            found: Manifest = await node.get(name)
            conditions = {c["type"]: c["status"] for c in found["status"].get("conditions", [])}
            assert conditions.get("Ready") == "True"
    return found


async def test_an_ephemeral_container_runs(node: Node) -> None:
    await node.apply(pod("debugged", container(f"echo secret > file; {SLEEP}")))
    await node.wait("debugged", "Running")
    await node.kubectl("debug", "debugged", "--image=busybox", "-c", "debugger", "--", "cat", "file")
    await node.wait_for_state("debugged", '"exitCode": 0', "debugger")
    assert await node.logs("debugged", "-c", "debugger") == "secret\n"
    assert (await node.get("debugged"))["status"]["phase"] == "Running"


async def test_an_ephemeral_container_of_an_unknown_image_says_so(node: Node) -> None:
    await node.apply(pod("undebugged", container(SLEEP)))
    await node.wait("undebugged", "Running")
    await node.kubectl("debug", "undebugged", "--image=unknown", "-c", "debugger")
    await node.wait_for_state("undebugged", "ErrImageNeverPull", "debugger")
    await node.wait_for_event("undebugged", "no local program replaces image unknown")
