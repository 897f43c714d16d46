"""What a service's README tells a reader to type is typed here, at addresses of the test's own."""

import os
import zlib
from pathlib import Path

import pytest

from mesh.local.tools import bin_dir
from tests.documents import ROOT, blocks, run_block

READMES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("services/*/README.md"))


@pytest.mark.parametrize("block", blocks(*READMES))
async def test_block_does_what_it_says(block: str, tmp_path: Path) -> None:
    # The ports stay as they are written; the loopback address is this block's own.
    address = f"127.77.{zlib.crc32(str(tmp_path).encode()) % 250}.1"
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    listen = {"GRPC_LISTEN": f"{address}:50051", "MANAGEMENT_LISTEN": f"{address}:8081"}
    environment = os.environ | listen | {"PATH": f"{bin_dir()}:{os.environ['PATH']}"}
    await run_block(block, tmp_path, environment, {"127.0.0.1": address, "localhost": address})
