"""The notifications context: what customers are told about their orders."""
