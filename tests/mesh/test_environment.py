"""Commands do the same in every environment. What they cannot do without, they report in a few lines.

The mesh that the tests share is started with all variables of FOREIGN (conftest.py).
"""

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mesh.local import instance
from mesh.local.environment import PATTERNS, inherited
from tests.mesh.foreign import C_LOCALE, FOREIGN
from tests.mesh.harness import MESH, Mesh, run_mesh

METHOD = "shop.catalog.v1.CatalogService/ListProducts"
NEED_A_MESH = [
    ["status"],
    ["env"],
    ["token"],
    ["ledger"],
    ["call", METHOD],
    ["resume", "orders/1"],
    ["logs", "orders"],
    ["logs", "agent"],
    ["matrix"],
    ["chaos", "delay"],
    ["canary", "orders", "v2"],
]
OTHERS = [["--help"], ["call", "--help"], ["chaos"], ["tools"]]
NOT_UP = "mesh: the mesh is not up\n  fix: run `make up`\n"


@pytest.fixture(autouse=True)
def no_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Choose an empty state folder and return it. A test that needs a mesh names the folder of that mesh."""
    monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("MESH_INSTANCE", raising=False)
    return tmp_path / "state"


def run_in_shell(setup: str, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the mesh in a shell after a setup. Its output is a pipe."""
    command = ["/bin/bash", "-c", f'{setup}\nexec "$0" "$@"', MESH, *words]
    return subprocess.run(
        command, env=os.environ | (env or {}), capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )


def result(run: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    return run.returncode, run.stdout


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_a_command_does_the_same_with_the_variables_of_other_programs(words: list[str]) -> None:
    # Users ask for the effects of these.
    plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}
    assert result(run_mesh(*words, env=FOREIGN | plain)) == result(run_mesh(*words, env=plain))


def test_only_variables_of_the_list_are_inherited() -> None:
    added = {"LC_TIME": "C", "XDG_STATE_HOME": "/x", "no_proxy": "x", "PIP_INDEX_URL": "x"}
    kept = inherited(FOREIGN | added)
    assert kept.keys() - added.keys() - {"PYTHONUTF8"} == {
        name for name in FOREIGN if name in PATTERNS or name.lower().endswith("_proxy") or name.startswith("LC_")
    }
    assert kept.items() >= added.items()


@pytest.mark.parametrize("words", [*NEED_A_MESH, ["down"]], ids=" ".join)
def test_without_a_mesh_no_command_uses_the_cluster_of_the_environment(
    words: list[str], other_cluster: tuple[Path, list[str]]
) -> None:
    config, requests = other_cluster
    run = run_mesh(*words, env=FOREIGN | {"KUBECONFIG": str(config)})
    expected = (0, "there is no mesh 'default': nothing to do\n") if words == ["down"] else (2, NOT_UP)
    assert result(run) == expected
    assert requests == []


SHELLS = [
    "umask 000",
    "umask 077",
    "umask 777",
    "exec < /dev/null",
    "exec <&-",
    "cd /proc/self",
    "folder=$(mktemp -d); cd $folder; rmdir $folder",
    "unset HOME",
    "export HOME=/nowhere",
    "export HOME=",
    "export PATH=",
    f"export LC_ALL={C_LOCALE} LANG=none",
    "export PYTHONPATH=$(mktemp -d); echo 'raise SystemExit(9)' | tee $PYTHONPATH/{typer,rich,yaml}.py",
    "ulimit -n 32",
    "ulimit -s 256",
    "trap '' INT PIPE",
]
TOGETHER = [setup for setup in SHELLS if "rmdir" in setup or "PYTHONPATH" in setup]
TOGETHER += ["umask 777", "exec <&-", f"export HOME= PATH= LC_ALL={C_LOCALE}", "ulimit -n 32", "trap '' INT PIPE"]


@pytest.mark.parametrize(
    "setup", ["\n".join(TOGETHER), *(pytest.param(setup, marks=pytest.mark.prove) for setup in SHELLS)]
)
def test_a_command_does_the_same_in_every_shell(setup: str) -> None:
    run = run_in_shell(f"{{ {setup}\n}} > /dev/null 2>&1", "status")
    # If the path of the checkout is long or has spaces, pip makes `mesh` a script of sh, which prints this.
    assert run.stderr.removeprefix("sh: 0: getcwd() failed: No such file or directory\n") == NOT_UP
    assert result(run) == (2, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_discards_output(closed: str) -> None:
    assert run_in_shell(f"exec {closed}", "chaos").returncode == 0
    run = run_in_shell(f"exec {closed}", "status")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "target", "message"),
    [
        (["chaos"], "/dev/full", "mesh: cannot write the output\n  why: No space left on device"),
        (["--help"], "/dev/full", "mesh: cannot write the output\n  why: No space left on device"),
        (["chaos"], ">(exec <&-)", ""),
    ],
)
def test_output_that_cannot_be_written_is_reported(words: list[str], target: str, message: str) -> None:
    run = run_in_shell(f"exec > {target}; sleep 0.1", *words)
    assert run.returncode
    assert run.stderr.startswith(message)
    assert "Traceback" not in run.stderr
    assert "Exception" not in run.stderr


def state_folder(kind: str, folder: Path) -> Path:
    """Create a state folder that cannot be used."""
    path = folder / "home"
    if kind == "file":
        path.touch()
    elif kind == "below a file":
        path.touch()
        return path / "below"
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "name too long":
        return folder / ("x" * 300)
    elif kind == "path too long":
        return folder.joinpath(*["x" * 200] * 30)
    elif kind == "not writable":
        return Path("/proc/none")
    elif kind == "damaged":
        (path / "default").mkdir(parents=True)
        (path / "default/instance.json").write_text('{"number"')
    else:
        (path / "default/instance.json").mkdir(parents=True)
    return path


KINDS = ["file", "below a file", "link to itself", "name too long", "path too long", "damaged", "folder as file"]


@pytest.mark.parametrize(
    ("kind", "command"), [*((kind, "status") for kind in KINDS), *(("file", command) for command in ("up", "down"))]
)
def test_a_state_folder_that_cannot_be_used_is_reported(kind: str, command: str, tmp_path: Path) -> None:
    folder = state_folder(kind, tmp_path)
    run = run_mesh(command, env={"MESH_STATE_HOME": str(folder)})
    assert run.returncode == 2, run.stdout
    first, *others = run.stdout.splitlines()
    assert first.startswith("mesh: ")
    assert str(folder) in first
    assert [line.partition(":")[0] for line in others] in [["  why", "  fix"], ["  fix"]]


@pytest.mark.parametrize("kind", ["file", "link to itself", "not writable"])
def test_a_cache_folder_that_cannot_be_used_is_reported(kind: str, tmp_path: Path) -> None:
    run = run_mesh("tools", env={"MESH_CACHE_HOME": str(state_folder(kind, tmp_path))})
    assert run.returncode == 2, run.stdout
    assert run.stdout.startswith("mesh: cannot use ")
    assert len(run.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("ulimit -n 64", "the limit of open files is too low for a mesh"),
        ("ulimit -t 600", "the limit of seconds of processor time is too low for a mesh"),
        ("ulimit -v 8000000", "the limit of bytes of address space"),
        ("ulimit -f 100000", "the limit of bytes of a file is too low for a mesh"),
    ],
)
def test_a_limit_that_is_too_low_for_a_mesh_is_reported(limit: str, message: str, no_mesh: Path) -> None:
    run = run_in_shell(limit, "up")
    assert run.returncode == 2, run.stdout
    assert run.stderr.startswith(f"mesh: {message}")
    assert f"fix: raise `{limit.rpartition(' ')[0]}`" in run.stderr
    assert not no_mesh.exists()


def test_a_state_folder_behind_a_link_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are found by their working directory, which the kernel reports without links."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "machine").mkdir()
    for variable, value in (("MESH_STATE_HOME", tmp_path / "link/x"), ("XDG_STATE_HOME", tmp_path / "link")):
        monkeypatch.setenv(variable, str(value))
        assert instance.create("default", records=tmp_path / "machine").home.is_relative_to(tmp_path / "real")
        monkeypatch.delenv(variable)


def test_a_relative_state_folder_is_that_of_the_caller() -> None:
    kept = inherited({"MESH_STATE_HOME": "state"})
    assert kept["MESH_STATE_HOME"] == str(Path.cwd() / "state")


class Handler(BaseHTTPRequestHandler):
    """Another cluster's API server. It counts the requests."""

    requests: list[str]

    def do_GET(self) -> None:  # http.server's name
        """Record the request and refuse it."""
        self.requests.append(self.path)
        self.send_error(403)

    do_POST = do_GET  # noqa: N815  # http.server's name

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def other_cluster(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the kubeconfig of another cluster, and the requests that it received."""
    Handler.requests = []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        config = tmp_path / "other.kubeconfig"
        config.write_text(
            f"""
            apiVersion: v1
            kind: Config
            current-context: production
            clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{server.server_port}"}}}}]
            users: [{{name: u, user: {{}}}}]
            contexts: [{{name: production, context: {{cluster: c, user: u}}}}]
            """
        )
        yield config, Handler.requests
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("words", [["ledger"], ["call", METHOD], ["resume", "orders/1"]], ids=" ".join)
def test_an_option_names_another_cluster(words: list[str], other_cluster: tuple[Path, list[str]]) -> None:
    config, requests = other_cluster
    run = run_mesh(*words, "--kubeconfig", str(config), "--context", "production")
    assert run.returncode == 2
    assert run.stdout.startswith("in the cluster http://127.0.0.1:")
    assert requests


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "current-context must exist"),
        ("apiVersion: v1\nkind: Config\n", ["--context", "other"], "cannot locate context other"),
    ],
)
def test_a_kubeconfig_without_a_cluster_is_an_error(
    text: str, options: list[str], message: str, tmp_path: Path
) -> None:
    """Without this check, kubectl would call localhost:8080, which is the gateway of a local mesh."""
    config = tmp_path / "config"
    config.write_text(text)
    run = run_mesh("ledger", "--kubeconfig", str(config), *options)
    assert run.returncode == 2
    assert run.stdout.startswith("mesh: ")
    assert message in run.stdout


def test_a_context_needs_a_kubeconfig() -> None:
    run = run_mesh("ledger", "--context", "production")
    assert (run.returncode, run.stdout.splitlines()[0]) == (2, "mesh: --context is without --kubeconfig")


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["status"], "gateway 127."),
        (["token"], "eyJ"),
        (["logs", "catalog", "--tail=1"], "{"),
        (["call", METHOD, '{"page_size": 1}'], "products/"),
        (["canary", "orders", "v2"], "there is no Deployment orders-v2"),
        (["resume", "orders/none"], "NOT_FOUND"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_a_command_acts_in_the_mesh_with_any_environment(
    words: list[str], output: str, mesh: Mesh, tmp_path: Path, other_cluster: tuple[Path, list[str]]
) -> None:
    config, requests = other_cluster
    preferences = tmp_path / ".kube/kuberc"
    preferences.parent.mkdir()
    # The user's preferences of kubectl would find no objects.
    preferences.write_text(
        """
        apiVersion: kubectl.config.k8s.io/v1beta1
        kind: Preference
        defaults: [{command: get, options: [{name: selector, default: app=none}]}]
        """
    )
    env = FOREIGN | {"HOME": str(tmp_path), "KUBECONFIG": str(config), "MESH_STATE_HOME": str(mesh.home.parent)}
    env["MESH_CACHE_HOME"] = str(Path(mesh.environment["PATH"].split(":")[0]).parents[1])
    run = run_mesh(*words, "-i", mesh.name, env=env)
    assert output in run.stdout, run.stdout
    assert "Traceback" not in run.stdout
    assert requests == []
