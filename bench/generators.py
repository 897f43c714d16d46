"""The load generators, ghz for gRPC and vegeta for HTTP. Both are compiled, so that the client is not the bottleneck.

They are in a separate Go module: ghz needs an older grpc than the tools of the mesh. The first run builds them into
the cache of the mesh's tools.
"""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from rich.console import Console

from bench.errors import BenchError
from bench.rounds import Sample
from mesh.local import loopback, tools
from mesh.local.tools import go_toolchain
from mesh.local.tools.build import find_go

MODULE = go_toolchain.GO / "load"
PACKAGES = {"ghz": "github.com/bojand/ghz/cmd/ghz", "vegeta": "github.com/tsenart/vegeta/v12"}
BUILD_TIMEOUT_SECONDS, CALL_TIMEOUT_SECONDS = 600, 20
MILLISECOND = 1e6
"""Both programs report nanoseconds."""
PERCENTILES = (50, 90, 99)


@cache
def generators() -> Path:
    """Return the folder of both programs. Build those that are missing. Raises MeshError."""
    console = Console(stderr=True)
    go = find_go(console)
    digest = hashlib.sha256(f"{go_toolchain.version_on_path() or go_toolchain.pinned_version()}".encode())
    for file in ("go.mod", "go.sum"):
        digest.update((MODULE / file).read_bytes())
    folder = tools.cache_folder() / "load" / f"{digest.hexdigest()[:16]}-{platform.machine()}"
    folder.mkdir(parents=True, exist_ok=True)
    with tools.lock(folder.with_suffix(".lock"), console):
        for name, package in PACKAGES.items():
            if not (folder / name).exists():
                console.print(f"building {name} once for this machine")
                partial = folder / f".{name}.partial"
                command = [go, "build", "-ldflags", "-s -w", "-o", str(partial), package]
                env = go_toolchain.environment()
                tools.run(command, env=env, folder=MODULE, timeout_seconds=BUILD_TIMEOUT_SECONDS)
                partial.rename(folder / name)
    return folder


def write_protoset(file: FileDescriptor, path: Path) -> Path:
    """Write a contract with all that it imports, as ghz reads it, and return the path."""
    found: dict[str, FileDescriptor] = {}

    def add(each: FileDescriptor) -> None:
        if each.name not in found:
            for dependency in each.dependencies:
                add(dependency)
            found[each.name] = each

    add(file)
    descriptors = FileDescriptorSet()
    for each in found.values():
        each.CopyToProto(descriptors.file.add())
    path.write_bytes(descriptors.SerializeToString())
    return path


@dataclass(frozen=True)
class GrpcLoad:
    """Calls one unary method again and again: `<package>.<Service>/<Method>`, with the same request."""

    protoset: Path
    method: str
    request: Mapping[str, Any]

    def run(
        self, target: str, in_flight: int, seconds: float, *, authority: str = "", token: str = ""
    ) -> tuple[Sample, int]:
        """Call with so many calls in flight on one connection. Return the figures and the number of calls.

        Raises:
            BenchError: a call failed.
        """
        options = [f"--protoset={self.protoset}", f"--call={self.method}", f"--data={json.dumps(self.request)}"]
        options += [f"--concurrency={in_flight}", f"--duration={seconds}s", "--duration-stop=wait"]
        options += [f"--timeout={CALL_TIMEOUT_SECONDS}s", "--insecure", "--format=json"]
        options += [f"--authority={authority}"] if authority else []
        options += [f"--metadata-file={self._write_token(token)}"] if token else []
        report = json.loads(_run("ghz", *options, target))
        statuses = report["statusCodeDistribution"]
        if set(statuses) != {"OK"}:
            raise BenchError(f"{self.method} at {target}: {statuses} {report['errorDistribution']}")
        latencies = {each["percentage"]: each["latency"] / MILLISECOND for each in report["latencyDistribution"]}
        return _figures(report["rps"], latencies), report["count"]

    def _write_token(self, token: str) -> Path:
        """Write the token to a file, because other users of the machine can see the arguments of a program."""
        path = self.protoset.with_name("token.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps({"authorization": f"Bearer {token}"}), encoding="utf-8")
        return path


def http_load(url: str, in_flight: int, seconds: float, token: str = "") -> tuple[Sample, int]:
    """Request a URL with so many requests in flight, one per connection. Return the figures and their number.

    Raises:
        BenchError: a response was not 200.
    """
    target = f"GET {url}\n" + (f"Authorization: Bearer {token}\n" if token else "")
    attack = ["-rate=0", f"-max-workers={in_flight}", f"-workers={in_flight}", f"-connections={in_flight}"]
    attack += [f"-duration={seconds}s", f"-timeout={CALL_TIMEOUT_SECONDS}s"]
    responses = _run("vegeta", "attack", *attack, stdin=target.encode())
    report = json.loads(_run("vegeta", "report", "-type=json", stdin=responses))
    if set(report["status_codes"]) != {"200"}:
        raise BenchError(f"{url}: {report['status_codes']} {report['errors']}")
    latencies = {percentile: report["latencies"][f"{percentile}th"] / MILLISECOND for percentile in PERCENTILES}
    return _figures(report["throughput"], latencies), report["requests"]


def _figures(rate: float, latencies: Mapping[int, float]) -> Sample:
    return {"calls/s": rate, **{f"p{percentile} ms": latencies[percentile] for percentile in PERCENTILES}}


def _run(program: str, *words: str, stdin: bytes = b"") -> bytes:
    env = loopback.environment()
    done = subprocess.run([str(generators() / program), *words], input=stdin, env=env, capture_output=True, check=False)
    if done.returncode:
        raise BenchError(f"{program}: {(done.stderr or done.stdout).decode(errors='replace').strip()}")
    return done.stdout
