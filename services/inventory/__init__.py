"""The inventory service: stock, reservations, and the demand for products."""
