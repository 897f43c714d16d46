"""Reads what grpcurl and the operator print about a call."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

CONTENTS = "Response contents:"
HEADERS, TRAILERS = "Response headers received:", "Response trailers received:"
SECTIONS = (HEADERS, CONTENTS, TRAILERS, "Sent ", "Estimated ", "Timing Data:")
"""What starts a part of grpcurl's output that contains nothing of the request, which has the token."""
DETAILS_HEADER = "grpc-status-details-bin"
"""The trailer with the details of the status. They are shown decoded."""
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
TIMING = re.compile(r"InvokeRPC: (\S+)")
TIME_PART = re.compile(r"([\d.]+)(h|ms|m|s|µs|us|ns)")
SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
FAILURE = re.compile(r"(?P<status>[A-Z_]+)(?: (?P<reason>[A-Z_]+))?: (?P<message>.*?)(?: \[(?P<fields>.*)\])?")
"""The last line of the operator's output if a call fails (services/operator/calls.py)."""


@dataclass(frozen=True)
class Violation:
    """A field of the request that the contract does not allow."""

    field: str
    description: str


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    status: str
    """The name of the gRPC status; empty if the call was stopped, or never made."""
    message: str = ""
    messages: list[Any] = field(default_factory=list)
    """The responses, as JSON."""
    details: list[Any] = field(default_factory=list)
    """The details of the status, as JSON."""
    violations: list[Violation] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    stopped: str = ""
    """Why the call was stopped before its end; empty if it was not."""


def of_grpcurl(stdout: str, stderr: str, seconds: float, stopped: str) -> Outcome:
    """Read the output of `grpcurl -vv -format-error`. `seconds` counts if it does not say how long the call took."""
    parts: dict[str, list[str]] = {}
    for name, text in _sections(stdout):
        parts.setdefault(name, []).append(text)
    trailers = _metadata(parts.get(TRAILERS, []))
    trailers.pop(DETAILS_HEADER, None)
    status = _status(stderr)
    found = TIMING.search(stdout)
    details = status.get("details", [])
    return Outcome(
        status="" if stopped or "failure" in status else NAMES.get(status.get("code", 0), ""),
        message=status.get("message", status.get("failure", "")),
        messages=[*_responses(parts.get(CONTENTS, []))],
        details=details,
        violations=[
            Violation(each.get("field", ""), each.get("description", ""))
            for detail in details
            if detail.get("@type") == BAD_REQUEST
            for each in detail.get("fieldViolations", [])
        ],
        headers=_metadata(parts.get(HEADERS, [])),
        trailers=trailers,
        seconds=_seconds(found[1]) if found else seconds,
        stopped=stopped,
    )


def of_operator(exit_code: int, output: str, seconds: float) -> Outcome:
    """Read the output of the operator's command `call`."""
    lines = [line for line in output.splitlines() if line.strip()]
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    if not exit_code:
        return Outcome(grpc.StatusCode.OK.name, messages=messages, seconds=seconds)
    others = [line for line in lines if not line.startswith("{")]
    found = next((match for line in reversed(others) if (match := FAILURE.fullmatch(line))), None)
    if not found:
        return Outcome("", "\n".join(others).removeprefix("operator: "), messages, seconds=seconds)
    fields = [each.partition(" ") for each in (found["fields"] or "").split("; ") if each]
    reason = {"reason": found["reason"]} if found["reason"] else None
    return Outcome(
        found["status"],
        found["message"],
        messages,
        details=[reason] if reason else [],
        violations=[Violation(name, description) for name, _, description in fields],
        seconds=seconds,
    )


def _sections(stdout: str) -> Iterator[tuple[str, str]]:
    name, lines = "", list[str]()
    for line in stdout.splitlines():
        if start := next((each for each in SECTIONS if line.startswith(each)), ""):
            yield name, "\n".join(lines)
            name, lines = start, []
        else:
            lines.append(line)
    yield name, "\n".join(lines)


def _responses(texts: list[str]) -> Iterator[Any]:
    for text in texts:
        try:
            yield json.loads(text)
        except ValueError:
            # The last one of a call that was stopped may be incomplete.
            return


def _metadata(texts: list[str]) -> dict[str, str]:
    pairs = (line.partition(": ") for text in texts for line in text.splitlines())
    return {name: value for name, separator, value in pairs if separator}


def _status(stderr: str) -> dict[str, Any]:
    """Return the status of a call that failed; if grpcurl could not make the call, why."""
    text = stderr.strip()
    try:
        return dict(json.loads(text)) if text else {}
    except ValueError:
        return {"failure": text}


def _seconds(duration: str) -> float:
    return sum(float(number) * SECONDS[unit] for number, unit in TIME_PART.findall(duration))
