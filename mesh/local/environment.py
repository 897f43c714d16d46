"""The environment of the mesh's processes. It does not depend on the shell, service or editor that started `mesh`.

A command and everything that it starts get the variables in INHERITED and no others: a KUBECONFIG, PYTHONPATH,
GRPC_VERBOSITY or DATABASE_URL that was set for another program has no effect.
"""

import fnmatch
import locale
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mesh.local.errors import MeshError

INHERITED = {
    "PATH HOME USER LOGNAME SHELL TMPDIR TZ LD_LIBRARY_PATH": "every program expects them",
    "LANG LANGUAGE LC_*": "the language of messages, and the encoding of file names",
    "TERM COLORTERM COLUMNS LINES NO_COLOR FORCE_COLOR": "the terminal",
    "MESH_* XDG_CACHE_HOME XDG_STATE_HOME": "the mesh's own settings, and where its folders are",
    "*_PROXY *_proxy": "the proxy of downloads; calls of this machine do not use it",
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NETRC": "certificates and logins of downloads",
    "GOPROXY GONOPROXY GOPRIVATE GOINSECURE GOSUMDB GONOSUMDB GOAUTH GOENV": "where Go downloads from",
    "PIP_CONFIG_FILE PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_CERT PIP_CLIENT_CERT "
    "PIP_TRUSTED_HOST PIP_PROXY PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CACHE_DIR "
    "PIP_KEYRING_PROVIDER": "where pip downloads from",
}
"""Names of variables, and why processes of the mesh get them. `*` matches any characters."""
PATTERNS = " ".join(INHERITED).split()
FOLDERS = ("MESH_STATE_HOME", "MESH_CACHE_HOME")
"""Made absolute, because the processes of the mesh run in other folders."""
OTHERS_CANNOT_WRITE, OWNER_CAN = 0o022, 0o077

_original: dict[str, str] = {}


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that processes of the mesh get."""
    kept = {
        name: value
        for name, value in environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in PATTERNS)
    }
    folders = {name: str(Path(kept[name]).absolute()) for name in FOLDERS if kept.get(name)}
    # Without it, Python would read and write files in the encoding of the locale.
    return kept | folders | {"PYTHONUTF8": "1"}


def home() -> Path:
    """Return the user's home folder.

    Raises:
        MeshError: HOME is not set, and the system does not know the user.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise MeshError("there is no home folder", why="HOME is not set", fix="set HOME") from None


def original() -> Mapping[str, str]:
    """Return the environment that the command was started in, for a program that acts for the user elsewhere."""
    return _original or os.environ


def isolate() -> None:
    """Reduce the environment of this process to what it inherits. Restart Python if it has used other variables."""
    _open_standard_streams()
    # With any umask of the shell, others get no write access, and the owner has access.
    os.umask((os.umask(0) | OTHERS_CANNOT_WRITE) & OWNER_CAN)
    _leave_deleted_folder()
    settings = {name for name in os.environ if name.startswith("PYTHON")} - {"PYTHONUTF8"}
    if settings or not _is_utf8():
        kept = {name: value for name, value in os.environ.items() if name not in settings}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept | {"PYTHONUTF8": "1"})  # noqa: S606
    _original.update(os.environ)
    kept = inherited(os.environ)
    os.environ.clear()
    os.environ.update(kept)
    for stream in (sys.stdout, sys.stderr):
        # Words of the command line may be no valid text, and are shown in errors.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a stream of Python's own


def _is_utf8() -> bool:
    """Return whether Python reads and writes text as UTF-8."""
    return bool(sys.flags.utf8_mode) or locale.getencoding().lower().replace("-", "") == "utf8"


def _open_standard_streams() -> None:
    """Open /dev/null in place of a standard stream that is closed. Otherwise the next file would become the stream."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # open until the process ends


def _leave_deleted_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir("/")
