"""What README tells a reader to type is typed here, in a copy of the checkout, against the mesh of this run."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documents import blocks, run_block
from tests.mesh.harness import ROOT, Mesh, mesh_command


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the checkout as git sees it (times too, for make), with the installed tools of this one."""
    copy = tmp_path / "checkout"
    tracked = subprocess.check_output(["/usr/bin/env", "git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, tracked):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    for name in (".venv", ".googleapis", ".protovalidate"):
        (copy / name).symlink_to(ROOT / name)
    commit = "git init -q -b main && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm state"
    subprocess.run(["/bin/bash", "-c", commit], cwd=copy, check=True)
    return copy


@pytest.mark.parametrize("block", blocks("README.md", "mesh/local/README.md", "mesh/istio/README.md"))
async def test_block_does_what_it_says(block: str, mesh: Mesh, checkout: Path) -> None:
    environment = mesh.environment | {"MESH_INSTANCE": mesh.name}
    try:
        await run_block(block, checkout, environment, {"localhost:8080": mesh.gateway})
    except BaseException:
        # What a block changes and then takes back, one that has broken off leaves changed.
        await mesh.kubectl("scale", "-n", "shop", "deployment", "--all", "--replicas=1")
        await asyncio.to_thread(mesh_command, "up", "-i", mesh.name)
        raise
    await mesh.rolled_out()
