"""Processes that stop with their parent: a run that is interrupted or killed leaves no process behind."""

import shutil

_setpriv = shutil.which("setpriv")

END_WITH_PARENT = (_setpriv, "--pdeathsig", "TERM", "--") if _setpriv else ()
"""Prefix for a command, so that the kernel sends SIGTERM to it when its parent stops.

setpriv is part of util-linux. (`preexec_fn` could do the same, but runs Python in a fork of a process that uses gRPC,
which ends in SIGABRT now and then.)
"""
