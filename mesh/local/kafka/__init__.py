"""Apache Kafka on this machine: its jars by a lock, its Java from PyPI, and the program that stands for its image."""
