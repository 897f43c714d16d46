"""The payments service: authorizes, captures, voids and refunds payments."""
