"""Processes that end with the process that started them: a run that is interrupted, or killed, leaves none behind."""

import shutil

_setpriv = shutil.which("setpriv")

END_WITH_PARENT = (_setpriv, "--pdeathsig", "TERM", "--") if _setpriv else ()
"""What comes before a command, so that the kernel sends it SIGTERM when its parent ends.

setpriv is part of util-linux. (`preexec_fn` could do the same, but runs Python in a fork of a process that uses gRPC,
which ends in SIGABRT now and then.)
"""
