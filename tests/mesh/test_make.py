"""Targets of the Makefile run only their own commands, with any text in variables and in the environment.

The Makefile runs in a separate folder. A program of the test stands for each program of `.venv/bin`: it records its
arguments and its environment. `python -c` is the real one.
"""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.local import environment
from tests.support.checkout import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, flags=re.MULTILINE)
SETTINGS = ["ARGS", "AGAINST", "FUZZ_MESSAGES", "JSON", "KEYWORDS", "METHOD", "ORDER", "PYTHON"]
USED = {"call": ["METHOD", "JSON"], "resume": ["ORDER"], "breaking": ["AGAINST"], "fuzz": ["FUZZ_MESSAGES", "KEYWORDS"]}
USED |= {"test": ["ARGS"], "scenarios": ["ARGS"], "bench": ["ARGS"], "prove": ["ARGS", "FUZZ_MESSAGES"]}
HOSTILE = [
    "{}'; touch FILE; '",
    '"; touch FILE; "',
    "; touch FILE #",
    "`touch FILE`",
    "$(touch FILE)",
    "$(shell touch FILE)",
    "$$(touch FILE)",
    "${shell touch FILE}",
    "x\ntouch FILE",
    "x & touch FILE",
    "> FILE",
]
PROGRAMS = ["python", "mesh", "pytest", "buf", "ruff", "mypy"]
# The path of the virtual environment may have spaces, and be longer than the kernel allows here.
RECORDER = f"""#!{Path(sys.executable).resolve()} -IS
import json, os, pathlib, shutil, sys
if sys.argv[1:2] == ["-c"]:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
with open({{record!r}}, "a") as record:
    record.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
if sys.argv[1:3] == ["-m", "venv"]:
    shutil.copytree({{programs!r}}, ".venv/bin")
"""
Run = Callable[..., list[tuple[list[str], dict[str, str]]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs make and returns the arguments and the environment of each program that it started.

    `.venv` exists unless `installed` is false.
    """
    checkout, programs, record = tmp_path / "checkout", tmp_path / "programs", tmp_path / "record"
    checkout.mkdir()
    programs.mkdir()
    for name in (*PROGRAMS, "uv", "python3"):
        (programs / name).write_text(RECORDER.format(record=str(record), programs=str(programs)))
        (programs / name).chmod(stat.S_IRWXU)
    for file in ("Makefile", "requirements.lock", "pyproject.toml", "services/pyproject.toml", "proto/pyproject.toml"):
        (checkout / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, checkout / file)

    def make(*words: str, installed: bool = True, env: dict[str, str] | None = None) -> Any:  # noqa: ANN401
        if installed:
            shutil.copytree(programs, checkout / ".venv/bin")
            (checkout / ".venv/.made").touch()
        record.write_text("")
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(
            ["/usr/bin/env", "make", *words],
            cwd=checkout,
            env=os.environ | {"PATH": path} | (env or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not done.returncode or "FILE" in str((words, env)), done.stderr
        assert list(tmp_path.rglob("FILE*")) == []
        return [json.loads(line) for line in record.read_text().splitlines()]

    return make


@pytest.mark.parametrize("target", TARGETS)
def test_no_variable_of_the_command_line_is_run(target: str, run: Run) -> None:
    """Set every variable, also those that only the Makefile uses, and one that nothing uses."""
    names = [*SETTINGS, "BIN", "PIP", "VENV", "INHERITED", "OTHER"]
    started = run(target, *(f"{name}={HOSTILE[index % len(HOSTILE)]}" for index, name in enumerate(names)))
    for index, name in enumerate(SETTINGS):
        if name in USED.get(target, []):
            assert any(HOSTILE[index] in [*argv, *env.values()] for argv, env in started), name


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_gets_the_text_of_a_variable_unchanged(text: str, run: Run) -> None:
    ((argv, _),) = run("call", "METHOD=a.B/C", f"JSON={text}")
    assert argv[1:] == ["call", "--", "a.B/C", text]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_variable_of_the_environment_is_not_run_either(text: str, run: Run) -> None:
    # With -e, variables of the environment replace those of a Makefile.
    ((argv, _),) = run("call", "-e", env={"METHOD": text, "JSON": text, "BIN": text, "VENV": text})
    assert argv[1:] == ["call", "--", text, text]


def test_an_option_in_a_variable_is_text(run: Run) -> None:
    assert run("resume", "ORDER=--help")[0][0][1:] == ["resume", "--", "--help"]


@pytest.mark.parametrize("target", ["scenarios", "test", "prove"])
def test_the_words_of_args_reach_pytest(target: str, run: Run) -> None:
    argv, _ = run(target, "ARGS=-k 'watch or page' -m \"\" tests/mesh")[-1]
    assert argv[-5:] == ["-k", "watch or page", "-m", "", "tests/mesh"]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_words_of_args_are_not_run(text: str, run: Run) -> None:
    words = shlex.split(text)
    assert run("test", f"ARGS={text}")[-1][0][1:] == ["-n", "2", *words]


@pytest.mark.parametrize("target", ["scenarios", "test"])
def test_a_path_in_args_selects_just_that_file(target: str, run: Run, tmp_path: Path) -> None:
    """Start pytest with the arguments of the recipe, where a default path has tests as well."""
    selected, default = "tests/unit/test_it.py", "tests/mesh/scenarios/test_it.py"
    for file in (selected, default):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("def test_it() -> None: pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    argv, _ = run(target, f"ARGS=-v {selected}")[-1]
    pytest_run = subprocess.run(
        [sys.executable, "-m", "pytest", *argv[1:]], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"{selected}::test_it" in pytest_run.stdout
    assert default not in pytest_run.stdout


FOREIGN = {
    "PIP_USER": "1",
    "PIP_TARGET": "elsewhere",
    "PIP_PREFIX": "elsewhere",
    "PIP_ROOT": "elsewhere",
    "PIP_DRY_RUN": "1",
    "PIP_PYTHON": "elsewhere",
    "PIP_REQUIREMENT": "elsewhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PYTHONHOME": "elsewhere",
    "PYTHONPATH": "elsewhere",
    "PYTHONSTARTUP": "elsewhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "0",
    "GIT_DIR": "elsewhere",
    "GIT_WORK_TREE": "elsewhere",
    "GIT_INDEX_FILE": "elsewhere",
    "PYTEST_ADDOPTS": "--collect-only",
    "MYPYPATH": "elsewhere",
    "RUFF_CONFIG": "elsewhere",
    "BUF_CONFIG": "elsewhere",
    "KUBECONFIG": "elsewhere",
    "GOFLAGS": "-mod=mod",
    "BASH_FUNC_python%%": "() { touch FILE; }",
}
KEPT = {"PIP_INDEX_URL": "https://mirror.example/simple", "HTTPS_PROXY": "http://proxy.example", "no_proxy": "x"}


@pytest.mark.parametrize("target", ["status", "test", "breaking", "lint"])
def test_a_program_gets_only_the_inherited_variables(target: str, run: Run) -> None:
    for _, env in run(target, env=FOREIGN | KEPT):
        assert {name: env[name] for name in FOREIGN if name in env} == {}
        assert {name: env[name] for name in KEPT} == KEPT


def test_the_installation_goes_into_the_virtual_environment(run: Run) -> None:
    started = run(".venv/.made", installed=False, env=FOREIGN | KEPT)
    installs = [env for argv, env in started if "install" in argv]
    assert len(installs) == 2
    for env in installs:
        found = {name: value for name, value in env.items() if name.startswith(("PIP_", "PYTHON"))}
        expected = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": "", "PIP_INDEX_URL": KEPT["PIP_INDEX_URL"]}
        assert found.items() >= expected.items()
        assert not found.keys() & (FOREIGN.keys() - expected.keys())


@pytest.mark.parametrize("flags", ["-j4", "-j", "-k -j4", "--jobs=4 --output-sync"])
def test_clean_and_up_run_one_after_the_other(flags: str, run: Run) -> None:
    words = [(Path(argv[0]).name, *argv[1:3]) for argv, _ in run("clean", "up", env={"MAKEFLAGS": flags})]
    assert words.index(("mesh", "down", "--purge")) < words.index(("python3", "-m", "venv")) < len(words) - 1
    assert words[-1] == ("mesh", "up")


def test_the_makefile_and_the_mesh_inherit_the_same_variables() -> None:
    declared = re.search(r"^override INHERITED := ((?:.*\\\n)*.*)$", MAKEFILE, flags=re.MULTILINE)
    assert declared
    patterns = declared[1].replace("\\\n", " ").split()
    assert [pattern.replace("%", "*") for pattern in patterns] == environment.PATTERNS
