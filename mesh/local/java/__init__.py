"""Java programs on this machine: pinned jars from Maven, and Java from PyPI.

`program.py` says where the files of a program are, `fetch.py` downloads them once per machine, and `training.py` makes
its start faster.
"""

from mesh.local.java.fetch import fetch, relock
from mesh.local.java.program import Program

__all__ = ["Program", "fetch", "relock"]
