"""How a container ends: whether it is restarted, its terminated state, its termination message."""

from pathlib import Path
from typing import Any

from lightkube.models.core_v1 import Container

from mesh.local.agent.sandbox import Sandbox

MAX_MESSAGE_BYTES = 4096
MAX_LOG_BYTES, MAX_LOG_LINES = 2048, 80
"""How much of its log is the message of a container that failed without one, if it asks for that."""


def is_restarted(spec: Container, policy: str, code: int) -> bool:
    """Return whether a container that ended with this code runs again. `policy` is the Pod's restartPolicy."""
    for rule in spec.restartPolicyRules or []:
        codes = rule.exitCodes
        if codes and (code in (codes.values or [])) == (codes.operator == "In"):
            return True
    policy = spec.restartPolicy or policy
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def terminated(code: int, started: str, finished: str, *, reason: str = "", message: str = "") -> dict[str, Any]:
    """Return the state of a container that has ended."""
    ended = {
        "exitCode": code,
        "reason": reason or ("Completed" if code == 0 else "Error"),
        "startedAt": started,
        "finishedAt": finished,
    }
    return {"terminated": ended | ({"message": message} if message else {})}


def prepare_message(spec: Container, sandbox: Sandbox) -> None:
    """Create the empty file into which a container may write why it ends."""
    path = _message_path(spec, sandbox)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def read_message(spec: Container, sandbox: Sandbox, log: Path, code: int) -> str:
    """Return what a container wrote into its file; else, if it failed and asks for that, the end of its log."""
    path = _message_path(spec, sandbox)
    message = path.read_bytes()[-MAX_MESSAGE_BYTES:] if path.is_file() else b""
    if not message and code and spec.terminationMessagePolicy == "FallbackToLogsOnError":
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - MAX_LOG_BYTES))
            message = b"".join(handle.readlines()[-MAX_LOG_LINES:])
    return message.decode(errors="replace")


def _message_path(spec: Container, sandbox: Sandbox) -> Path:
    return sandbox.folder / (spec.terminationMessagePath or "/dev/termination-log").strip("/")
