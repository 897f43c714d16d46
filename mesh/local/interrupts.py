"""Ctrl-C and SIGTERM interrupt a command once. Further ones are ignored, so that its cleanup runs to the end."""

import signal
from collections.abc import Callable

SIGNALS = signal.SIGINT, signal.SIGTERM


def _raise() -> None:
    raise KeyboardInterrupt


def handle_once(action: Callable[[], object] = _raise) -> None:
    """Call the action on the first signal (by default: raise KeyboardInterrupt), and ignore all later ones.

    `mesh down` stops a running `mesh up` with SIGTERM, which takes the same path.
    """

    def handle(*_: object) -> None:
        ignore()
        action()

    for number in SIGNALS:
        # A shell starts a background command with Ctrl-C ignored: that Ctrl-C is meant for another command.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handle)


def ignore() -> None:
    """Ignore the signals until the process ends, which takes seconds, not minutes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
