"""Acts: changes of the mesh that a page starts. Each is one command, shown before it runs and run as it is shown.

Read in this order: `acts.py` every act with the words of its command, `commands.py` runs them and keeps their output,
`cluster.py` what can be acted on, `scenarios.py` which scenarios are applied, `readme.py` their explanations,
`routes.py` the paths of all of it.
"""
