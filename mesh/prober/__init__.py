"""A customer that never sleeps: it buys, watches and cancels through the gateway, and measures how that goes."""
