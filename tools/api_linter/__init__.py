"""Runs Google's API linter (https://linter.aip.dev) on the contracts."""
