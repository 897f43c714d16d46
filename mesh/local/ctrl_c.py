"""Ctrl-C, or SIGTERM, ends a command once: what it then takes back is taken back, however often it is pressed."""

import signal
from collections.abc import Callable

SIGNALS = signal.SIGINT, signal.SIGTERM


def _interrupt() -> None:
    raise KeyboardInterrupt


def once(act: Callable[[], object] = _interrupt) -> None:
    """Do this on the first one, or raise KeyboardInterrupt, and ignore all others until the process has ended.

    `mesh down` ends a running `mesh up` by SIGTERM, along the same way.
    """

    def pressed(*_: object) -> None:
        ignore()
        act()

    for number in SIGNALS:
        # What runs in the background has Ctrl-C ignored from its start, for it is meant for others.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pressed)


def ignore() -> None:
    """Ignore them until the process has ended. It takes seconds then, not minutes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
