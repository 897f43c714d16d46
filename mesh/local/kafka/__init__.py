"""Apache Kafka on this machine: pinned jars from Maven, Java from PyPI, and a program that replaces its image.

`fetch.py` downloads it once per machine, `broker.py` configures a broker, and `__main__.py` runs one.
"""
