"""Processes that end with the process that started them: a run that is interrupted, or killed, leaves none behind."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends; for `preexec_fn` of `subprocess.Popen`."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
