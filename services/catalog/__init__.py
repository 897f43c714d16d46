"""The catalog service: the products of the shop and their prices."""
