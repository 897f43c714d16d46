"""A PostgreSQL server of the tests' own: its programs are the machine's, its data are thrown away at the end."""

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

from tests.orphans import END_WITH_PARENT
from tests.services import sockets

ROOT = Path(__file__).parents[2]
DATABASE = ROOT / "mesh" / "kubernetes" / "database.sql"
MISSING = "needs a PostgreSQL server's programs: apt-get install postgresql"
STOP_SECONDS = 20


def programs() -> Path | None:
    """Answer the folder with initdb, postgres and psql, the newest if there are several; None if there is none."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    # Debian keeps them off the PATH, version by version.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """A running server; the services reach it through a Unix socket, each with a role and a password of its own."""

    name = "PostgreSQL"

    def __init__(self, programs: Path) -> None:
        """Make the server's data, and start it."""
        # Not under pytest's folders: those are its user's alone, and PostgreSQL refuses to run as root.
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir=sockets.parent()))
        self._programs = programs.as_posix()
        self._databases: dict[Path, str] = {}
        self._env = {**os.environ, "PGHOST": str(self.folder), "PGUSER": "postgres", "PGPASSWORD": secrets.token_hex()}
        self._user: int | None = None
        self._group: int | None = None
        password = self.folder / "password"
        password.write_text(self._env["PGPASSWORD"], encoding="utf-8")
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user, self._group = nobody.pw_uid, nobody.pw_gid
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
        """Start it, and wait until it takes connections. fsync is on, as it is by default."""
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

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; it breaks the connections off. SIGQUIT ends it at once, as a power failure does."""
        self.popen.send_signal(how)
        self.popen.wait(STOP_SECONDS)

    def close(self) -> None:
        """End it, and throw its data away."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def url(self, folder: Path, service: str) -> str:
        """Answer the URL of the database that stands for `folder`; make it and its role the first time."""
        if folder not in self._databases:
            name = f"{service}_{len(self._databases)}"
            password = secrets.token_urlsafe()
            self.make(name, password)
            self._databases[folder] = f"postgresql+psycopg://{name}:{password}@/{name}?host={self.folder}"
        return self._databases[folder]

    def make(self, name: str, password: str) -> None:
        """Make a database and its role as an operator does."""
        psql = [f"{self._programs}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"service={name}"]
        env = {**self._env, "PASSWORD": password}
        done = subprocess.run(
            [*psql, "-f", str(DATABASE), "postgres"], env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
