"""The operator: commands that people run against the shop, and the check that its books balance."""
