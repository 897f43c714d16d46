"""The inventory service: how many pieces of each product are there, and for whom they are kept."""
