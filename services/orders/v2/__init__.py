"""The second version of the contract: its methods and its messages, over the same handlers as the first."""
