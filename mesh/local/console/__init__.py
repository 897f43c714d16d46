"""The console: a page on the loopback address of a mesh. It shows what the mesh does, and acts on it.

- `server.py`: the process, from its start to Ctrl-C
- `access.py`: who may call it
- `pages.py`: the files of the page, and the address of the mesh's other pages
- `web/`: the page itself

Each other module is one feature: it declares the routes below /api/ that its pages in `web/` call.
"""
