"""The programs that the mesh runs: built once per machine from the pinned Go modules in `go/`, shared by all checkouts.

`cache.py` says where they are, `build.py` builds them, and `go_toolchain.py` finds or installs the Go to build with.
"""

from mesh.local.tools.build import build, versions
from mesh.local.tools.cache import BOOTSTRAP, bin_dir, lock
from mesh.local.tools.go_toolchain import cache_folder
from mesh.local.tools.run import run

__all__ = ["BOOTSTRAP", "bin_dir", "build", "cache_folder", "lock", "run", "versions"]
