"""A PostgreSQL server for tests: it uses the programs of the machine, and deletes its data when it closes."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.support import sockets
from tests.support.checkout import ROOT
from tests.support.orphans import END_WITH_PARENT

DATABASE = ROOT / "mesh" / "kubernetes" / "database.sql"
MISSING = "needs the programs of a PostgreSQL server: apt-get install postgresql"
STOP_TIMEOUT_SECONDS = 20


def programs() -> Path | None:
    """Return the folder with initdb, postgres and psql (the newest if there are several); None if there is none."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    # Debian installs them outside the PATH, one folder for each version.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


class Server:
    """A running server. Each service connects through a Unix socket, with its own role and password."""

    name = "PostgreSQL"

    def __init__(self, programs: Path) -> None:
        """Create the data of the server, and start it."""
        # Not below pytest's folders: only its user can enter them, and PostgreSQL refuses to run as root.
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir=sockets.parent()))
        self._programs = programs.as_posix()
        self._databases: dict[Path, str] = {}
        self._env = {**os.environ, "PGHOST": str(self.folder), "PGUSER": "postgres", "PGPASSWORD": secrets.token_hex()}
        self._user: int | None = None
        self._group: int | None = None
        password = self.folder / "password"
        password.write_text(self._env["PGPASSWORD"], encoding="utf-8")
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody")
            self._user, self._group = account.pw_uid, account.pw_gid
            for path in (self.folder, password):
                os.chown(path, self._user, self._group)
        self.folder.chmod(0o755)
        initdb = [f"{self._programs}/initdb", "--pgdata=data", "--username=postgres", "--pwfile=password"]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        with (self.folder / "initdb.log").open("wb") as log:
            subprocess.run(
                initdb, cwd=self.folder, user=self._user, group=self._group, stdout=log, stderr=log, check=True
            )
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it accepts connections. fsync is on, the default."""
        postgres = [
            *END_WITH_PARENT,
            f"{self._programs}/postgres",
            "-D",
            "data",
            "-k",
            str(self.folder),
            "-h",
            "",
            "-c",
            "max_connections=200",
        ]
        with (self.folder / "postgres.log").open("ab") as log:
            self.popen = subprocess.Popen(
                postgres,
                cwd=self.folder,
                user=self._user,
                group=self._group,
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    @retry(stop=stop_after_delay(30), wait=wait_fixed(0.02), retry=retry_if_exception_type(psycopg.OperationalError))
    def _wait_ready(self) -> None:
        assert self.popen.poll() is None, (self.folder / "postgres.log").read_text(encoding="utf-8")
        host, user, password = (self._env[name] for name in ("PGHOST", "PGUSER", "PGPASSWORD"))
        psycopg.connect(host=host, user=user, password=password, dbname="postgres").close()

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the server; it closes all connections. With SIGQUIT it stops immediately, as in a power failure."""
        self.popen.send_signal(number)
        self.popen.wait(STOP_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Stop the server, and delete its data."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def url(self, folder: Path, service: str) -> str:
        """Return the URL of the database for `folder`. Create the database and its role on the first call."""
        if folder not in self._databases:
            name = f"{service}_{len(self._databases)}"
            password = secrets.token_urlsafe()
            self.create_database(name, password)
            self._databases[folder] = f"postgresql+psycopg://{name}:{password}@/{name}?host={self.folder}"
        return self._databases[folder]

    def create_database(self, name: str, password: str) -> None:
        """Create a database and its role, with the script that operators use."""
        psql = [f"{self._programs}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"service={name}"]
        env = {**self._env, "PASSWORD": password}
        done = subprocess.run(
            [*psql, "-f", str(DATABASE), "postgres"], env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
