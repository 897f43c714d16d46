"""Experiments on a running mesh. Each injects a fault under load and checks a hypothesis against what it measures.

Read in this order: `experiment.py` what an experiment is, `faults.py` all experiments with their faults, `run.py` one
experiment from start to end. `load.py` places orders meanwhile and `watch.py` watches the workloads. `authority.py` and
`certificates.py` have the faults of the mesh's certificates, and `tables.py` prints.
"""
