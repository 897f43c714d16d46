"""One module per command of `mesh`. Its `run` carries the command out and returns the exit code of the process.

`mesh/local/cli.py` declares the commands with their arguments and options. Commands import no other command: what
several of them share is in the packages beside this one.
"""
