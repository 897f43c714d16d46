"""Runs the commands in the READMEs of services and contracts, each block at its own loopback address."""

import os
import zlib
from pathlib import Path

import pytest

from mesh.local.tools import bin_dir
from tests.support.checkout import ROOT
from tests.support.documents import blocks, copy_checkout, run_block

READMES = [
    "proto/README.md",
    "tests/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("services/*/README.md")),
]


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks(*READMES))
async def test_block_prints_what_it_promises(block: str, tmp_path: Path) -> None:
    # Each block keeps the ports of the README, but gets its own loopback address.
    address = f"127.77.{zlib.crc32(str(tmp_path).encode()) % 250}.1"
    ports = {"GRPC_LISTEN": 50051, "HTTP_LISTEN": 8080, "MANAGEMENT_LISTEN": 8081}
    listen = {name: f"{address}:{port}" for name, port in ports.items()}
    environment = os.environ | listen | {"PATH": f"{bin_dir()}:{os.environ['PATH']}"}
    checkout = copy_checkout(tmp_path / "checkout")
    await run_block(block, checkout, environment, {"127.0.0.1": address, "localhost": address})
