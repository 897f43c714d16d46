"""The one error that the command line shows to its user: what is wrong, why, and what to do."""

import errno

OUT_OF_RESOURCES = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some disk space",
    errno.EFBIG: "raise `ulimit -f`",
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENFILE: "close some programs",
    errno.EAGAIN: "raise `ulimit -u`, or close some programs",
    errno.ENOMEM: "close some programs",
    errno.EIO: "see the machine's log",
    errno.EPIPE: "",
}
"""The machine's error → what to do."""


class MeshError(Exception):
    """A user's mistake or a condition of the machine. The command line prints it without a traceback."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        """Format it: one line each for what is wrong, why, and what to do."""
        details = [f"  {name}: {text}" for name, text in (("why", self.why), ("fix", self.fix)) if text]
        return "\n".join([self.what, *details])


def explain(error: MeshError | OSError) -> MeshError | None:
    """Return the error that the user sees; None if it is a defect of the mesh."""
    if isinstance(error, MeshError):
        return error
    why = error.strerror or str(error)
    if error.errno in OUT_OF_RESOURCES:
        return MeshError(f"cannot write {error.filename or 'the output'}", why=why, fix=OUT_OF_RESOURCES[error.errno])
    if error.filename is None:
        return None
    fix = "check the folder; MESH_STATE_HOME and MESH_CACHE_HOME choose others"
    return MeshError(f"cannot use {error.filename}", why=why, fix=fix)
