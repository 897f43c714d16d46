"""The built storefront: the shell and the parts that the contexts own, once per machine for each state of the sources.

`build` makes it with Node and buf, which come with the Python packages. A Pod mounts it as image volumes
(mesh/kubernetes/base/storefront.yaml): `grpc-mesh/web-<part>` is the folder of that part here.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY
from mesh.local.tools.steps import BIN, Step, npm_packages

WEB = REPOSITORY / "services/storefront/web"
ANNOTATION = "mesh.local/build"
"""The annotation of the storefront's Pods that names their build. Another name is another rollout."""
SHELL = "shell"
IMAGE_PREFIX = "web-"
"""The repository of a part's image is `…/web-<part>`, that of the shell `…/web-shell`."""
SOURCES = ("proto", "third_party/protovalidate", "services/*/web")
BUILT = {"node_modules", "gen"}
"""Folders in the sources that the build itself writes."""
COMPLETE = "complete"
"""The file that the build writes last."""


def folder() -> Path:
    """Return the folder of the storefront that is built from this checkout, complete or not."""
    digest = hashlib.sha256((REPOSITORY / "requirements.lock").read_bytes())
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes())
    return tools.cache_folder() / "web" / digest.hexdigest()[:16]


def build(console: Console) -> Path:
    """Build the storefront if it is not built yet, and return its folder. Raises MeshError."""
    target = folder()
    if not (target / COMPLETE).exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Builds of one checkout share its node_modules.
        with tools.lock(target.with_suffix(".lock"), console):
            if not (target / COMPLETE).exists():
                _build(target, console)
    return target


def check(console: Console) -> None:
    """Check the types, the style and the format of the shell and of all parts. Raises MeshError."""
    build(console)
    modules = packages(console)
    sources = [path for path in _sources() if path.suffix in {".ts", ".tsx"}]
    style: list[str | Path] = [
        BIN / "node",
        modules / "@biomejs/biome/bin/biome",
        "ci",
        "--colors=off",
        "--config-path=.",
    ]
    _run(Step("types", [BIN / "node", modules / "typescript/bin/tsc"], WEB), console)
    _run(Step("style", [*style, *sorted(sources)], WEB), console)


def packages(console: Console) -> Path:
    """Install all packages, also those of the checks, and return their folder. Raises MeshError."""
    with tools.lock(folder().with_suffix(".lock"), console):
        for step in _packages(development=True):
            _run(step, console)
    return WEB / "node_modules"


def image(reference: str) -> Path:
    """Return the folder that stands for the image of a part or of the shell.

    Raises:
        MeshError: there is no such part, or it is not built.
    """
    name = reference.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].split(":", maxsplit=1)[0].removeprefix(IMAGE_PREFIX)
    built = folder()
    path = built / name if name == SHELL else built / "parts" / name
    if not (built / COMPLETE).exists():
        raise MeshError(f"{reference} is not built", fix="run `make web`")
    if not path.is_dir():
        parts = ", ".join(sorted(each.name for each in (built / "parts").iterdir()))
        raise MeshError(f"no part of the storefront stands for the image {reference}", why=f"there are: {parts}")
    return path


def _build(target: Path, console: Console) -> None:
    started = time.monotonic()
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for step in _steps(partial):
        _run(step, console)
    (partial / COMPLETE).touch()
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    console.print(f"[green]✓[/] storefront built [dim]{time.monotonic() - started:.1f} s[/]")


def _steps(target: Path) -> Iterator[Step]:
    yield from _packages(development=False)
    template = WEB / "buf.gen.yaml"
    yield Step("code of the contracts", [BIN / "buf", "generate", "--template", template])
    yield Step("storefront", [BIN / "node", WEB / "build.ts", REPOSITORY, target])


def _packages(*, development: bool) -> Iterator[Step]:
    """Yield the step that installs the packages, unless these or more are installed."""
    installed = WEB / "node_modules/.installed"
    lock = (WEB / "package-lock.json").read_text()
    enough = [f"{lock}all", *([] if development else [f"{lock}build"])]
    if not installed.exists() or installed.read_text() not in enough:
        yield npm_packages(WEB, development=development)
        installed.write_text(enough[-1])


def _run(step: Step, console: Console) -> None:
    with console.status(f"storefront: {step.makes}"):
        step.run()


def _sources() -> Iterator[Path]:
    for pattern in SOURCES:
        for source in REPOSITORY.glob(pattern):
            for path in source.rglob("*"):
                if path.is_file() and not BUILT & set(path.relative_to(source).parts):
                    yield path
