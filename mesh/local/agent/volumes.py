"""A Pod's volumes as folders, and their mounts as links in the Pod's folder."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lightkube import AsyncClient
from lightkube.models.core_v1 import Container, HostPathVolumeSource, Volume, VolumeMount
from lightkube.utils.quantity import parse_quantity

from mesh.local import web
from mesh.local.agent import atomic_writer
from mesh.local.agent.environment import Lookup, expand, resolve
from mesh.local.agent.projections import Sources
from mesh.local.agent.sandbox import Sandbox
from mesh.local.errors import MeshError

RESERVED = {"", "containers", "logs", "slot", "volumes"}
"""The names in a Pod's folder that the agent uses."""

HOST_PATHS = {
    "DirectoryOrCreate": Path.is_dir,
    "Directory": Path.is_dir,
    "File": Path.is_file,
    "Socket": Path.is_socket,
    "CharDevice": Path.is_char_device,
    "BlockDevice": Path.is_block_device,
}
"""Type of a hostPath → what must hold of it."""


class MountError(Exception):
    """This node cannot create or mount a volume."""


async def populate(sandbox: Sandbox, client: AsyncClient | None, lookup: Lookup) -> None:
    """Create or update every volume, and mount it into the Pod's folder. A repeated call writes only what has changed.

    Raises:
        MissingReferenceError: a ConfigMap, Secret or key does not exist (yet).
        MountError: this node has no such volumes, or a path cannot be a mount.
    """
    volumes, folders = {volume.name: volume for volume in sandbox.spec.volumes or []}, {}
    for volume in volumes.values():
        folders[volume.name] = folder = _create(sandbox, volume)
        if sources := Sources.of(volume):
            atomic_writer.write(folder, await sources.collect(sandbox, folder, client, lookup))
    mounted: dict[Path, Path] = {}
    # Outer mounts first: a mount inside another volume is created in that volume's folder.
    for container, mount in sorted(_mounts(sandbox), key=lambda pair: pair[1].mountPath.strip("/").count("/")):
        path = mount.subPath or ""
        if mount.subPathExpr:
            path = expand(mount.subPathExpr, await resolve(container, sandbox, lookup))
        if ".." in Path(path).parts:
            raise MountError(f"subPathExpr {path} leaves its volume")
        target, source_path = sandbox.folder / mount.mountPath.strip("/"), folders[mount.name] / path
        if target.relative_to(sandbox.folder).parts[:1] in {(), *((name,) for name in RESERVED)}:
            raise MountError(f"mountPath {mount.mountPath}: the agent uses this folder of the Pod")
        if mounted.setdefault(target, source_path) != source_path:
            raise MountError(f"{mount.mountPath} is mounted twice: the containers of a Pod share one folder here")
        if path and Sources.of(volumes[mount.name]):
            _copy(source_path, target, mount)
        else:
            _link(source_path, target)


def exceeded(sandbox: Sandbox) -> str | None:
    """Return which emptyDir is larger than its limit; None if none is."""
    for volume in sandbox.spec.volumes or []:
        limit = volume.emptyDir.sizeLimit if volume.emptyDir else None
        files = (sandbox.folder / "volumes" / volume.name).rglob("*")
        if limit and sum(path.lstat().st_size for path in files) > (parse_quantity(limit) or 0):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    return None


def _mounts(sandbox: Sandbox) -> Iterator[tuple[Container, VolumeMount]]:
    for container in [*(sandbox.spec.initContainers or []), *sandbox.spec.containers]:
        for mount in container.volumeMounts or []:
            yield container, mount


def _create(sandbox: Sandbox, volume: Volume) -> Path:
    if volume.hostPath:
        return _host_path(sandbox, volume.hostPath)
    folder = sandbox.folder / "volumes" / volume.name
    if volume.image:
        return _image(folder, volume.image.reference or "")
    if not Sources.of(volume) and not volume.emptyDir:
        kinds = (key for key in msgspec.to_builtins(volume.to_dict()) if key != "name")
        raise MountError(f"{next(kinds, 'such')} volumes do not exist on this node")
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o777)  # its parent is private
    return folder


def _image(folder: Path, reference: str) -> Path:
    """Return the files of an image: a part of the storefront. The Pod keeps them until it ends, as a kubelet does."""
    if not folder.is_symlink():
        try:
            files = web.image(reference)
        except MeshError as error:
            raise MountError(f"{error.what}: {error.why or error.fix}") from error
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.symlink_to(files)
    return folder


def _host_path(sandbox: Sandbox, volume: HostPathVolumeSource) -> Path:
    """Return a path of the node, which is in a folder of the instance. Create it if the volume's type allows that."""
    path = sandbox.mesh.root / volume.path.lstrip("/")
    match volume.type or "":
        case "DirectoryOrCreate" | "" if not path.exists():
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        case "FileOrCreate":
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch()
        case kind if not HOST_PATHS.get(kind, Path.exists)(path):
            raise MountError(f"hostPath {volume.path} is no {kind} (the node's root is {sandbox.mesh.root})")
    return path


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    if not source.exists():
        source.mkdir(parents=True)  # a subPath
    _prepare(target)
    target.symlink_to(source)


def _copy(source: Path, target: Path, mount: VolumeMount) -> None:
    """Mount a part of a volume from the API. Its files are hard links, so no update of the volume changes them."""
    if target.exists():
        return
    if not source.exists():
        raise MountError(f"volume {mount.name} has no {mount.subPath}")
    _prepare(target)
    if source.is_dir():
        shutil.copytree(source.resolve(), target, copy_function=os.link)
    else:
        os.link(source.resolve(), target)


def _prepare(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
    except OSError as error:
        raise MountError(f"cannot mount at {target.name}: {error.strerror}") from error
