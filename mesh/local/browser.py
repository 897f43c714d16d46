"""Whether this machine has a browser in which a page can be opened."""

import os
import sys


def has_window() -> bool:
    """Return whether a browser with a window can be opened. One in the terminal would not show these pages."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
