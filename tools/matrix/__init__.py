"""The matrix of callers and methods: every cell called through the local mesh, and held to the declarations."""
