"""What is tracked is fit for anybody's eyes and anybody's machine."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.tidy import hygiene as laws
from tests.tidy.conftest import Plant
from tests.tidy.tree import Tree, git

Law = Callable[[Tree], Iterable[str]]
LAWS: list[Law] = [laws.registries, laws.machine_paths, laws.proxied, laws.long_files, laws.secrets]
# Put together here, so that this file holds none of what it tells of.
DOT, ROOT, HOME, KEY = ".", "/" + "root", "/" + "home/ada", "PRIVATE" + " KEY-----\n"
TOKEN = "eyJ" + "h" * 20


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_checkout_is_clean(checkout: Tree, law: Law) -> None:
    assert list(law(checkout)) == []


@pytest.mark.parametrize(
    ("law", "file", "text", "told"),
    [
        (laws.registries, "a.lock", f"x @ https://files{DOT}pythonhosted{DOT}org/x", "names a package registry"),
        (laws.registries, "pip.conf", "--extra-index" + "-url=https://mirror.example", "--extra-index" + "-url names"),
        (laws.registries, "go.md", f"set GOPROXY{'='}https://proxy{DOT}golang{DOT}org", "names a package registry"),
        (laws.registries, "deployment.yaml", f"image: quay{DOT}io/org/app:1", f"quay{DOT}io names a package registry"),
        (laws.machine_paths, "README.md", f"see `{ROOT}/notes`", f"{ROOT} is a path of one machine"),
        (laws.machine_paths, "tests/unit/test_x.py", f'HOME = "{HOME}"', f"{HOME} is a path of one machine"),
        (laws.machine_paths, "mesh/local/x.py", 'STATE = "/' + 'tmp/mesh"', "the tempfile module knows the right one"),
        (laws.proxied, "tools/x.py", "urllib.request.url" + "open(url)", "use open_url of mesh/local/loopback.py"),
        (laws.long_files, "mesh/local/x.py", "x = 1\n" * 401, "has 401 lines: divide it by what it knows"),
        (laws.secrets, "notes.txt", f"-----BEGIN EC {KEY}", "looks like a private key"),
        (laws.secrets, "tests/x.py", f'token = "{TOKEN}.{TOKEN}.sig"', "looks like a token"),
        (laws.secrets, "ci.yaml", "key: AKIA" + "ABCDEFGHIJKLMNOP", "looks like a token"),
        (laws.secrets, "x.yaml", "url: postgresql://shop:hunter" + "2@db.example/x", "looks like a URL with"),
        (laws.secrets, "services/x.py", "PASS" + 'WORD = "correct-horse"', "looks like a password"),
        (laws.secrets, "mesh/ca.key", "", "mesh/ca.key is a file of secrets"),
        (laws.secrets, "kubeconfig", "", "kubeconfig is a file of secrets"),
        (laws.secrets, "data/orders.db", "", "data/orders.db is a file of secrets"),
    ],
)  # fmt: skip
def test_what_is_not_fit_is_found(plant: Plant, law: Law, file: str, text: str, told: str) -> None:
    offence = next(iter(law(plant({file: text}))))
    assert offence.startswith(file)
    assert told in offence


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("go.mod", f"golang{DOT}org/x/crypto v0.55.0\ngoogle.golang{DOT}org/grpc v1"),
        ("README.md", "`https://api.shop.example`, docker push registry.example.com/x, `/home/<user>`, `$HOME/work`"),
        ("mesh/pod.yaml", "mountPath: /data\npath: /var/lib/shop\nworkingDir: /workspace"),
        ("tests/unit/test_x.py", 'path = "/' + 'tmp/x"'),
        ("gen/x_pb2.py", "x = 1\n" * 500),
        ("mesh/local/x.py", "x = 1\n" * 400),
        (
            "README.md",
            "DATABASE_URL=postgresql://user:secret@db/shop, `postgresql+<driver>://…/$service`, password: given",
        ),
        ("services/x.py", "password = environ['DATABASE_PASSWORD']\nsecret_name = 'orders-database'"),
    ],
)
def test_what_is_fit_is_no_offence(plant: Plant, file: str, text: str) -> None:
    tree = plant({file: text})
    assert [offence for law in LAWS for offence in law(tree)] == []


def test_what_git_ignores_is_not_judged(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/data/\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/orders.db").touch()
    (tmp_path / "new.py").touch()
    assert [str(file) for file in Tree.of_git(tmp_path).files] == [".gitignore", "new.py"]
