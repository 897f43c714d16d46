"""The first version of the contract: its methods and its reply messages."""
