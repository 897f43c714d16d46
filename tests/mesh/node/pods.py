"""Small Pods for the tests of the node: shell scripts that print what they see."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.mesh.harness import Manifest, Mesh
from tests.support.clock import eventually

NAMESPACE = "conformance"
POD_TIMEOUT_SECONDS = 30


def container(script: str, name: str = "main", **fields: Any) -> Manifest:  # noqa: ANN401  # JSON
    """Return a container that runs a shell script in the Pod's folder. It replaces `image` etc. by the fields."""
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]} | fields


def pod(name: str, *containers: Manifest, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:  # noqa: ANN401
    """Return a Pod that is not restarted and is killed a second after SIGTERM, unless the fields say otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": list(containers)} | spec,
    }


def config_map(name: str, data: dict[str, str] | None = None, **fields: Any) -> Manifest:  # noqa: ANN401
    """Return a ConfigMap."""
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data or {}} | fields


def secret(name: str, data: dict[str, str]) -> Manifest:
    """Return a Secret with text."""
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


@dataclass
class Node:
    """The node under test, with short forms of what tests do to its Pods."""

    mesh: Mesh
    _applied: list[Manifest] = field(default_factory=list)

    async def apply(self, *manifests: Manifest) -> None:
        """Apply manifests. They are deleted after the test."""
        self._applied += manifests
        await self.mesh.kubectl("apply", "-f", "-", stdin=_list(manifests))

    async def clean(self) -> None:
        """Delete everything that was applied. The next test need not wait until it is gone."""
        words = ["delete", "--ignore-not-found", "--now", "--wait=false", "-f", "-"]
        if self._applied:
            await self.mesh.kubectl(*words, stdin=_list(self._applied))

    async def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace of the tests."""
        return await self.mesh.kubectl("-n", NAMESPACE, *words)

    async def fails(self, *words: str) -> str:
        """Run kubectl, check that it fails, and return its message."""
        run = await self.mesh.run("kubectl", "-n", NAMESPACE, *words)
        assert run.returncode, run.stdout
        return run.stderr

    async def get(self, name: str) -> Any:  # noqa: ANN401
        """Return a Pod."""
        return await self.mesh.get("pods", "-n", NAMESPACE, name)

    async def logs(self, name: str, *words: str) -> str:
        """Return what `kubectl logs` prints of a Pod."""
        return await self.kubectl("logs", name, *words)

    async def log(self, name: str, container_name: str = "", tail_lines: int = 10_000_000) -> str:
        """Return the log of a container. Raises AssertionError while it has none."""
        return await self.mesh.log(NAMESPACE, name, container_name, tail_lines)

    async def wait(self, name: str, *phases: str) -> Any:  # noqa: ANN401
        """Wait until a Pod is in one of the phases, and return it."""
        async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
            with attempt:
                found = await self.get(name)
                assert found["status"].get("phase") in (phases or ("Succeeded",)), found["status"]
        return found

    async def status(self, name: str, container_name: str = "main") -> Any:  # noqa: ANN401
        """Return the status of a container, of any kind."""
        status = (await self.get(name)).get("status", {})
        kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
        found = [each for kind in kinds for each in status.get(kind, []) if each["name"] == container_name]
        assert found, f"{container_name} has no status yet"
        return found[0]

    async def wait_for_state(self, name: str, words: str, container_name: str = "main") -> Any:  # noqa: ANN401
        """Wait until the state of a container, as JSON, contains words, and return its status."""
        async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
            with attempt:
                status = await self.status(name, container_name)
                assert words in json.dumps(status["state"]), status
        return status

    async def wait_for_event(self, name: str, words: str) -> None:
        """Wait until an event of an object contains words, in its reason or message."""
        async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
            with attempt:
                events = (await self.mesh.get("events", "-n", NAMESPACE))["items"]
                mine = [f"{e['reason']} {e['message']}" for e in events if e["involvedObject"]["name"] == name]
                assert any(words in text for text in mine), mine

    async def wait_for_log(self, name: str, words: str, container_name: str = "") -> str:
        """Wait until the log of a Pod contains words, and return it."""
        async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
            with attempt:
                log = await self.log(name, container_name)
                assert words in log, log
        return log

    async def gone(self, name: str) -> None:
        """Wait until there is no such Pod."""
        async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.1):
            with attempt:
                items = (await self.mesh.get("pods", "-n", NAMESPACE))["items"]
                assert name not in {item["metadata"]["name"] for item in items}


def _list(manifests: Any) -> str:  # noqa: ANN401
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
