"""The bans in pyproject.toml and the ruff.toml of some folders work, and have no more exceptions than these."""

import json
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

RUFF = [str(ROOT / ".venv/bin/ruff"), "check", "--select=TID251", "--ignore-noqa", "--no-cache", "--output-format=json"]
EXCEPTIONS = {
    "background.py": {"asyncio.sleep"},
    "http/server.py": {"os.environ"},
    "metrics/registry.py": {"asyncio.sleep"},
    "process.py": {"os.environ", "services.runtime.storage.database.open_database"},
    "rpc/deadlines.py": {"asyncio.timeout"},
    "storage/database.py": {
        "services.runtime.storage.postgresql.PostgreSQL",
        "services.runtime.storage.sqlite.SQLite",
        "sqlalchemy.URL",
        "sqlalchemy.make_url",
    },
    "storage/pool.py": {"asyncio.Semaphore", "asyncio.timeout", "psycopg"},
    "storage/postgresql.py": {"psycopg", "sqlalchemy.URL", "sqlalchemy.create_engine"},
    "storage/session.py": {"psycopg"},
    "storage/sqlite.py": {"sqlalchemy.URL", "sqlalchemy.create_engine", "sqlite3"},
}
"""What the files of services/runtime with an exception use."""
OTHER_EXCEPTIONS = {
    "tests/mesh/harness.py": {"time"},
    "tests/mesh/signer.py": {"time"},
    "tests/support/clock.py": {"tenacity", "time"},
    "tests/support/cpu_load.py": {"time"},
    "tests/support/kafka.py": {"tenacity"},
    "tests/support/postgresql.py": {"tenacity"},
    "tests/support/processes.py": {"tenacity"},
    "tests/support/report.py": {"time"},
}
"""What the other files with an exception use."""


def banned(*arguments: str, code: str = "") -> dict[str, set[str]]:
    """Return the banned names that ruff finds, by file."""
    run = subprocess.run([*RUFF, *arguments], cwd=ROOT, input=code, capture_output=True, text=True, check=False)
    assert run.returncode in {0, 1}, run.stderr
    found: defaultdict[str, set[str]] = defaultdict(set)
    for violation in json.loads(run.stdout):
        match = re.fullmatch(r"`(.+?)` is banned: .+", violation["message"])
        assert match, violation
        found[str(Path(violation["filename"]).relative_to(ROOT))].add(match[1])
    return dict(found)


def test_only_the_runtime_and_helpers_of_tests_have_exceptions_from_bans() -> None:
    found = banned("--config", "lint.per-file-ignores = {}", ".")
    assert found == {f"services/runtime/{file}": names for file, names in EXCEPTIONS.items()} | OTHER_EXCEPTIONS


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import tenacity", "tenacity"),
        ("from backoff import on_exception", "backoff"),
        ("from stamina import retry", "stamina"),
        ("import retrying", "retrying"),
        ("import circuitbreaker", "circuitbreaker"),
        ("import asyncio\nasync def f(): await asyncio.wait_for(call(), 1)", "asyncio.wait_for"),
        ("from asyncio import timeout as bounded", "asyncio.timeout"),
        ("import asyncio as a\nlimit = a.timeout(3)", "asyncio.timeout"),
        ("from grpc import aio\nmade = aio.ClientCallDetails(m, 3, None)", "grpc.aio.ClientCallDetails"),
        ("import time\nfor _ in range(3): time.sleep(1)", "time.sleep"),
        ("from asyncio import sleep\nasync def f():\n  while True: await sleep(1)", "asyncio.sleep"),
        ("import asyncio\npool = asyncio.Semaphore(10)", "asyncio.Semaphore"),
        ("from aiolimiter import AsyncLimiter", "aiolimiter"),
        ("import ssl", "ssl"),
        ("import grpc\ncredentials = grpc.ssl_channel_credentials()", "grpc.ssl_channel_credentials"),
        ("import grpc.aio\nchannel = grpc.aio.secure_channel(target, c)", "grpc.aio.secure_channel"),
        ("import sqlite3", "sqlite3"),
        ("from psycopg import connect", "psycopg"),
        ("import aiosqlite as a", "aiosqlite"),
        ("from sqlalchemy import create_engine", "sqlalchemy.create_engine"),
        ("import sqlalchemy as sa\nengine = sa.create_engine(url)", "sqlalchemy.create_engine"),
        ("from sqlalchemy.ext.asyncio import create_async_engine as m", "sqlalchemy.ext.asyncio.create_async_engine"),
        ("from services.runtime.storage import database as d\nd.open_database(url)",
         "services.runtime.storage.database.open_database"),
        ("from services.runtime.storage.sqlite import SQLite", "services.runtime.storage.sqlite.SQLite"),
        ("from mesh.local import tools", "mesh"),
        ("def late():\n  from tests import suites", "tests"),
        ("import os\nurl = os.environ['DATABASE_URL']", "os.environ"),
        ("import os\nurl = os.environ.get('URL', '')", "os.environ"),
        ("from os import getenv as ask", "os.getenv"),
        ("import urllib.request\nurllib.request.urlopen(url)", "urllib.request.urlopen"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("file", ["services/catalog/servicer.py", "services/runtime/config.py"])
def test_banned_code_in_a_service_is_found(file: str, code: str, name: str) -> None:
    assert banned("--stdin-filename", file, "-", code=code) == {file: {name}}


@pytest.mark.parametrize(
    ("file", "code", "names"),
    [
        ("mesh/local/x.py", "import tenacity, os, ssl", {"tenacity"}),
        ("mesh/local/x.py", "from urllib.request import urlopen", {"urllib.request.urlopen"}),
        ("tools/x.py", "from urllib.request import urlopen as o", {"urllib.request.urlopen"}),
        ("tests/mesh/x.py", "import urllib.request\nurllib.request.urlopen(url)", {"urllib.request.urlopen"}),
        ("tests/mesh/x.py", "import tenacity, os, ssl", {"tenacity"}),
        ("tests/mesh/test_x.py", "import time\nbegan = time.monotonic()", {"time"}),
        ("tests/unit/test_x.py", "from time import perf_counter as now", {"time"}),
        ("tests/mesh/test_x.py", "import asyncio\nasyncio.get_running_loop().time()", {"asyncio.get_running_loop"}),
    ],
)
def test_other_folders_have_fewer_bans(file: str, code: str, names: set[str]) -> None:
    assert banned("--stdin-filename", file, "-", code=code).get(file, set()) == names


def test_services_do_not_depend_on_a_retry_library() -> None:
    retries = tomllib.loads((ROOT / "mesh/ruff.toml").read_text())["lint"]["flake8-tidy-imports"]["banned-api"]
    served = tomllib.loads((ROOT / "services/pyproject.toml").read_text())["project"]["dependencies"]
    assert not {re.split(r"\W", requirement)[0] for requirement in served} & retries.keys()
