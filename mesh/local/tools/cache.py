"""Where the finished tools are: `<cache>/tools/<key>/`.

The key is a digest of everything that determines the binaries: each go.mod and go.sum, our own Go code, the flags of Go
and of its linker, the Go version and the platform.
"""

import fcntl
import hashlib
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from mesh.local.errors import MeshError
from mesh.local.tools import go_toolchain
from mesh.local.tools.go_toolchain import FLAGS, GO, MODULES, cache_folder

BOOTSTRAP = "envoy_bootstrap.json"
"""Istio's template of Envoy's bootstrap: a file of the istio module, stored beside the binaries."""


def bin_dir() -> Path:
    """Return the folder of the finished tools.

    Raises:
        MeshError: they are not built yet.
    """
    folder = tools_folder()
    if not is_complete(folder):
        raise MeshError("the mesh's tools are not built yet", why=f"{folder} is incomplete", fix="run `make tools`")
    return folder


def tools_folder() -> Path:
    """Return the folder of the tools, complete or not."""
    digest = hashlib.sha256()
    for module in MODULES:
        for file in (module / "go.mod", module / "go.sum", *sorted(module.glob("*.go"))):
            digest.update(file.read_bytes())
    go = go_toolchain.version_on_path() or go_toolchain.pinned_version()
    digest.update(f"{FLAGS} {linker_flags()} {go} {sys.platform} {platform.machine()}".encode())
    return cache_folder() / "tools" / digest.hexdigest()[:16]


def is_complete(folder: Path) -> bool:
    """Return whether every tool is built. The build writes versions.json last."""
    return (folder / "versions.json").exists()


def linker_flags() -> str:
    """Return the flags that set the tools' versions."""
    pins = read_pins(GO)
    kubernetes, istio = pins["k8s.io/kubernetes"], pins["istio.io/istio"]
    _, major, minor, _ = re.split(r"[v.]", kubernetes)
    # Without these, kubectl and istiod read a placeholder version and do not work together.
    values = {
        "k8s.io/component-base/version.gitVersion": kubernetes,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "istio.io/istio/pkg/version.buildVersion": f"1.31-alpha.{istio.rsplit('-', 1)[1]}",
    }
    return " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in values.items())])


def read_pins(module: Path) -> dict[str, str]:
    """Return the version of each module that a go.mod requires."""
    return dict(re.findall(r"^\t(\S+) (v\S+)", (module / "go.mod").read_text(), flags=re.MULTILINE))


@contextmanager
def lock(path: Path, console: Console) -> Iterator[None]:
    """Lock a file, so that one process builds and the others wait for it."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("another build of the same tools is running; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
