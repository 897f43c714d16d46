"""Building a client of another language fails with one line."""

from pathlib import Path

import pytest

from tests.contracts.conftest import Checkout
from tests.support.documents import copy_checkout


@pytest.mark.parametrize("language", ["typescript", "go", "python"])
def test_without_a_network_the_packages_are_named(language: str, tmp_path: Path) -> None:
    checkout = Checkout(copy_checkout(tmp_path / "checkout"))
    # All caches are empty, and nothing listens at the proxy.
    settings = [
        f"HOME={tmp_path}",
        f"PIP_CACHE_DIR={tmp_path / 'pip'}",
        f"MESH_CACHE_HOME={tmp_path}",
        "PIP_FIND_LINKS=",
    ]
    settings += [f"{name}=http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")]
    run = checkout.run("env", *settings, "make", "--silent", f"client-{language}")
    assert run.returncode
    [line] = [line for line in run.stdout.splitlines() if not line.startswith(("✓", "make: "))]
    assert line.startswith("could not ")
    assert line.endswith(": check the network and its proxy") or "; `make tools` continues" in line


def test_a_contract_that_does_not_compile_is_named(tmp_path: Path) -> None:
    checkout = Checkout(copy_checkout(tmp_path / "checkout"))
    file = "proto/shop/catalog/v1/catalog.proto"
    checkout.edit(file, "message Product {", "message Product")
    run = checkout.run("make", "--silent", "client-typescript")
    assert run.returncode
    assert f"{file}:" in run.stdout
    assert "Traceback" not in run.stdout
