"""What the documents tell a reader to type is typed here, as it stands.

A fenced block marked `sh` is run line by line in one shell, in a copy of the checkout, against the mesh of this run. A
command that ends in `# → words` must show these words. Blocks that are not `sh` (a cluster's, a set-up's) are not run.
"""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mesh.harness import ROOT, Mesh

DOCUMENTS = ["README.md", "mesh/local/README.md", "mesh/istio/README.md"]
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name in DOCUMENTS
    for number, block in enumerate(
        re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
    )
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the checkout as git sees it (times too, for make), with the installed tools of this one."""
    copy = tmp_path / "checkout"
    tracked = subprocess.check_output(["/usr/bin/env", "git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, tracked):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    for name in (".venv", ".googleapis"):
        (copy / name).symlink_to(ROOT / name)
    commit = "git init -q -b main && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm state"
    subprocess.run(["/bin/bash", "-c", commit], cwd=copy, check=True)
    return copy


@pytest.mark.parametrize("block", BLOCKS)
async def test_block_does_what_it_says(block: str, mesh: Mesh, checkout: Path) -> None:
    promises = re.findall(r"# → (.+)$", block, re.MULTILINE)
    checked = r"{ \1; } | tee /dev/stderr | grep -F -e '\2' > /dev/null"
    script = re.sub(r"^(.+?) +# → (.+)$", checked, block, flags=re.MULTILINE)
    script = script.replace("localhost:8080", mesh.gateway)
    environment = {key: value for key, value in mesh.environment.items() if not key.startswith("MAKE")}
    environment |= {"MESH_INSTANCE": mesh.name}
    words = ["/bin/bash", "-eo", "pipefail", "-c", script]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=checkout, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    assert process.returncode == 0, f"{output.decode()}\n(promised: {promises})"
    await mesh.rolled_out()
