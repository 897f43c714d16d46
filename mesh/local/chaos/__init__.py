"""`mesh chaos`: experiments on the running mesh, each with a hypothesis that data confirms or refutes.

Read experiment.py first: what an experiment is. blows.py has them all, authority.py the longest of them. load.py buys,
watch.py looks at the cluster, and trial.py tells from both what has come of it.
"""
