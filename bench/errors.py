"""The error of the benchmark."""


class BenchError(Exception):
    """The benchmark cannot go on: a program is missing, or what it measures does not work. The text says why."""
