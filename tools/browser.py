"""The browser that pictures, benchmarks and tests of the pages use: a Chromium of the system."""

import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "install it (Debian: apt-get install chromium)"
ARGUMENTS = ["--no-sandbox"]
"""Its sandbox needs privileges that a user in a container does not have. The pages are our own."""


def find_chromium() -> str | None:
    """Return the path of a Chromium; None if there is none on PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
