"""An order's story: everything that is known about one order, from the signals of the mesh and from the books.

- `spans.py`: the spans of a trace as a tree, and in words
- `lines.py`: the lines of a log in words
- `timeline.py`: the steps of the saga, the events and their consumers by time, made from spans and lines
- `observed.py`: what the stores of logs and traces have about an order
- `books.py`: what the services have recorded about it, which a Job of the operator reads and checks
- `recent.py`: the orders that were processed last
"""
