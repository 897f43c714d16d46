"""What the laws about the contents of files find."""

from pathlib import Path

import pytest

from tests.support.checkout import git
from tests.tidy import hygiene as laws
from tests.tidy.conftest import MakeTree
from tests.tidy.test_laws import Law
from tests.tidy.tree import Tree

# Joined here, so that this file contains none of what it tests.
DOT, ROOT, HOME = ".", "/" + "root", "/" + "home/ada"


@pytest.mark.parametrize(
    ("law", "file", "text", "message"),
    [
        (laws.registries, "a.lock", f"x @ https://files{DOT}pythonhosted{DOT}org/x", "is a package registry"),
        (laws.registries, "pip.conf", "--extra-index" + "-url=https://mirror.example", "--extra-index" + "-url is"),
        (laws.registries, "go.md", f"set GOPROXY{'='}https://proxy{DOT}golang{DOT}org", "is a package registry"),
        (laws.registries, "deployment.yaml", f"image: quay{DOT}io/org/app:1", f"quay{DOT}io is a package registry"),
        (laws.machine_paths, "README.md", f"see `{ROOT}/notes`", f"{ROOT} is a path of one machine"),
        (laws.machine_paths, "tests/unit/test_x.py", f'HOME = "{HOME}"', f"{HOME} is a path of one machine"),
        (laws.machine_paths, "mesh/local/x.py", 'STATE = "/' + 'tmp/mesh"', "use the tempfile module"),
        (laws.long_files, "mesh/local/x.py", "x = 1\n" * 401, "has 401 lines: split it"),
    ],
)  # fmt: skip
def test_forbidden_contents_are_found(make_tree: MakeTree, law: Law, file: str, text: str, message: str) -> None:
    violation = next(iter(law(make_tree({file: text}))))
    assert violation.startswith(file)
    assert message in violation


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("go.mod", f"golang{DOT}org/x/crypto v0.55.0\ngoogle.golang{DOT}org/grpc v1"),
        ("README.md", "`https://api.shop.example`, docker push registry.example.com/x, `/home/<user>`, `$HOME/work`"),
        ("mesh/pod.yaml", "mountPath: /data\npath: /var/lib/shop\nworkingDir: /workspace"),
        ("tests/unit/test_x.py", 'path = "/' + 'tmp/x"'),
        ("gen/x_pb2.py", "x = 1\n" * 500),
        ("mesh/local/x.py", "x = 1\n" * 400),
    ],
)
def test_similar_contents_are_allowed(make_tree: MakeTree, file: str, text: str) -> None:
    tree = make_tree({file: text})
    for law in (laws.registries, laws.machine_paths, laws.long_files):
        assert list(law(tree)) == []


def test_files_that_git_ignores_do_not_count(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/data/\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/orders.db").touch()
    (tmp_path / "new.py").touch()
    assert [str(file) for file in Tree.of_git(tmp_path).files] == [".gitignore", "new.py"]
