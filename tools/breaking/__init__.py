"""Compares the contracts with an older state of them, and tells what breaks, for whom, and what to do instead."""
