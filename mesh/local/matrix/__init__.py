"""The matrix of callers and methods: every combination is called in the mesh and compared with the declarations.

`declared.py` reads contracts and declarations, and `callers.py` says which caller may call which method. `measure.py`
calls: `probes.py` starts a Pod for each identity, `calls.py` makes the calls. `report.py` prints the results.
"""
