"""The operator: what people do to the running shop, and the proof that its books balance."""
