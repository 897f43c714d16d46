"""No tracked file contains a secret. The scanner is gitleaks, with its own rules and those of .gitleaks.toml."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mesh.local import tools
from tests.support.checkout import ROOT
from tests.tidy.tree import Tree

# Joined here, so that this file contains none of what it tests.
TOKEN = "eyJ" + "hbGciOiJSUzI1NiIs"


def rules_broken(folder: Path) -> set[tuple[str, str]]:
    """Return (file, rule) of each secret that gitleaks finds in a folder."""
    gitleaks = [str(tools.bin_dir() / "gitleaks"), "dir", str(folder), "--config", str(ROOT / ".gitleaks.toml")]
    report = ["--no-banner", "--report-format=json", "--report-path=-", "--exit-code=0"]
    run = subprocess.run([*gitleaks, *report], cwd=folder, capture_output=True, text=True, check=True)
    return {(str(Path(each["File"]).relative_to(folder)), each["RuleID"]) for each in json.loads(run.stdout)}


def test_the_checkout_contains_no_secret(checkout: Tree, tmp_path: Path) -> None:
    for file in checkout.files:
        (tmp_path / file.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout.root / file, tmp_path / file)
    assert rules_broken(tmp_path) == set()


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("notes.txt", "-----BEGIN EC PRIVATE" + " KEY-----\nMHcC\n", "private-key-begin"),
        ("ci.yaml", "key: AKIA" + "Z2J4QWERTY5UIOPA\n", "aws-access-token"),
        ("x.py", f'token = "{TOKEN}.{TOKEN}.c2lnbmF0dXJl"\n', "jwt"),
        ("x.yaml", "url: postgresql://shop:hunter" + "2@db.example/x\n", "url-with-password"),
        ("services/x.py", "PASS" + 'WORD = "correct-horse"\n', "password"),
        ("mesh/ca.key", "x", "file-of-secrets-or-data"),
        ("kubeconfig", "x", "file-of-secrets-or-data"),
        ("data/orders.db", "x", "file-of-secrets-or-data"),
    ],
)
def test_a_secret_is_found(tmp_path: Path, file: str, text: str, rule: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert (file, rule) in rules_broken(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:secret@db/shop, `postgresql+<driver>://…/$service`, password: given",
        "password = environ['DATABASE_PASSWORD']\nsecret_name = 'orders-database'",
    ],
)
def test_an_example_is_no_secret(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.py").write_text(text)
    assert rules_broken(tmp_path) == set()
