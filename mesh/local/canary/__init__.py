"""The rollout of a new version: `rollout.py` shifts the traffic, `metrics.py` reads how the new version does."""
