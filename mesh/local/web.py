"""The built pages, once per machine for each state of the sources: the storefront and the console.

The storefront is a shell with the parts that the contexts own. `build` makes it with Node and buf, which come with the
Python packages. A Pod mounts it as image volumes
(mesh/kubernetes/base/storefront.yaml): `grpc-mesh/web-<part>:v1` is the folder of that part here. `build_part` makes
another version of one part, with another tag.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
IMAGE = re.compile(r"(?:.*/)?web-(?P<name>[a-z0-9-]+)(?::(?P<tag>\w[\w.-]*))?(?:@.+)?", re.ASCII)
"""The image of a part is `…/web-<part>:<tag>`, that of the shell `…/web-shell:<tag>`."""
CHECKOUT_TAG = "v1"
"""The tag of the manifests. It is the build of the checkout."""
SOURCES = ("proto", "third_party/protovalidate", "services/*/web")
CONSOLE = "console"
CONSOLE_SOURCES = ("proto", "third_party/protovalidate", "services/storefront/web", "mesh/local/console/web")
"""The console is no part of the storefront, so a change of it is no new version of the storefront."""
BUILT = {"node_modules", "gen"}
"""Folders in the sources that the build itself writes."""
COMPLETE = "complete"
"""The file that the build writes last."""


def folder() -> Path:
    """Return the folder of the storefront that is built from this checkout, complete or not."""
    return _folder_for((REPOSITORY / "requirements.lock").read_bytes(), REPOSITORY, _sources(SOURCES))


def build(console: Console) -> Path:
    """Build the storefront if it is not built yet, and return its folder. Raises MeshError."""
    target = folder()
    _build(target, (), console)
    return target


def build_console(console: Console) -> Path:
    """Build the page of `mesh console` if it is not built yet, and return its folder. Raises MeshError."""
    seed = (REPOSITORY / "requirements.lock").read_bytes() + CONSOLE.encode()
    target = _folder_for(seed, REPOSITORY, _sources(CONSOLE_SOURCES))
    _build(target, (CONSOLE,), console)
    return target


def build_part(part: str, tag: str, sources: Path | None, console: Console) -> Path:
    """Build one part from a folder with its sources, or from this checkout. From now on, the tag stands for this build.

    Returns:
        The folder with the files of the part.

    Raises:
        MeshError: there is no such part, its sources are not complete, or they cannot be built.
    """
    parts = sorted(path.parent.parent.name for path in REPOSITORY.glob("services/*/web/part.json"))
    if part not in parts:
        raise MeshError(f"the storefront has no part {part!r}", why=f"there are: {', '.join(parts)}")
    if tag == CHECKOUT_TAG or not IMAGE.fullmatch(f"web-{part}:{tag}"):
        why = f"a tag has letters, digits, and _ . -; {CHECKOUT_TAG} is the build of the checkout"
        raise MeshError(f"the tag of a part cannot be {tag!r}", why=why, fix=f"for example --part {part}:v2")
    source = (sources or REPOSITORY / "services" / part / "web").resolve()
    for name in ("part.json", "index.tsx"):
        if not (source / name).is_file():
            raise MeshError(f"{source} has no {name}", fix=f"use a changed copy of services/{part}/web")
    target = _folder_for(f"{folder().name}\0{part}".encode(), source, _files(source))
    _build(target, (part, source), console)
    link = _tag(part, tag)
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f"{tag}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(target / "parts" / part, link.parent))
    new.replace(link)
    return link.resolve()


def check(console: Console) -> None:
    """Check the types, the style and the format of all pages. Raises MeshError."""
    files = {*_sources(SOURCES), *_sources(CONSOLE_SOURCES)}
    sources = sorted(path for path in files if path.suffix in {".ts", ".tsx"})
    modules = packages(console)
    biome: list[str | Path] = [BIN / "node", modules / "@biomejs/biome/bin/biome", "ci"]
    with _locked(console):
        # A finished build may be that of another checkout, so this one may have no generated code yet.
        _run(_generate(), console)
        _run(Step("types", [BIN / "node", modules / "typescript/bin/tsc"], WEB), console)
        _run(Step("style", [*biome, "--colors=off", "--config-path=.", *sources], WEB), console)


def packages(console: Console) -> Path:
    """Install all packages, also those of the checks, and return their folder. Raises MeshError."""
    with _locked(console):
        for step in _packages(development=True):
            _run(step, console)
    return WEB / "node_modules"


def image(reference: str) -> Path:
    """Return the folder that stands for the image of a part or of the shell.

    Raises:
        MeshError: there is no such part, or it is not built.
    """
    match, built = IMAGE.fullmatch(reference), folder()
    if not (built / COMPLETE).exists():
        raise MeshError(f"{reference} is not built", fix="run `make web`")
    images = {SHELL: built / SHELL} | {path.name: path for path in sorted((built / "parts").iterdir())}
    if match is None or match["name"] not in images:
        names = ", ".join(images)
        raise MeshError(f"no part of the storefront stands for the image {reference}", why=f"there are: {names}")
    name, tag = match.group("name", "tag")
    if tag in {None, CHECKOUT_TAG}:
        return images[name]
    # A tag may move to another build. Pods that have mounted this one keep it.
    if not (path := _tag(name, tag).resolve()).is_dir():
        raise MeshError(f"{reference} is not built", fix=f"run `mesh web --part {name}:{tag}`")
    return path


def _tag(part: str, tag: str) -> Path:
    return tools.cache_folder() / "web/tags" / part / tag


def _folder_for(seed: bytes, base: Path, files: Iterable[Path]) -> Path:
    """Return the folder for what is built from these files."""
    digest = hashlib.sha256(seed)
    for path in sorted(files):
        digest.update(f"{path.relative_to(base)}\0".encode() + path.read_bytes())
    return tools.cache_folder() / "web" / digest.hexdigest()[:16]


def _build(target: Path, part: tuple[str | Path, ...], console: Console) -> None:
    """Build the whole storefront, or the part with this name and these sources."""
    if (target / COMPLETE).exists():
        return
    with _locked(console):
        if (target / COMPLETE).exists():
            return
        started = time.monotonic()
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for step in _steps(partial, part):
            _run(step, console)
        (partial / COMPLETE).touch()
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    what = part[0] if part else "storefront"
    console.print(f"[green]✓[/] {what} built [dim]{time.monotonic() - started:.1f} s[/]")


def _steps(target: Path, part: tuple[str | Path, ...]) -> Iterator[Step]:
    yield from _packages(development=False)
    yield _generate()
    yield Step("storefront", [BIN / "node", WEB / "build.ts", REPOSITORY, target, *part])


def _generate() -> Step:
    return Step("code of the contracts", [BIN / "buf", "generate", "--template", WEB / "buf.gen.yaml"])


@contextmanager
def _locked(console: Console) -> Iterator[None]:
    """Lock out others that change node_modules and gen, which all builds of a checkout share."""
    path = folder().with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tools.lock(path, console):
        yield


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


def _sources(patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        for source in REPOSITORY.glob(pattern):
            yield from _files(source)


def _files(source: Path) -> Iterator[Path]:
    for path in source.rglob("*"):
        if path.is_file() and not BUILT & set(path.relative_to(source).parts):
            yield path
