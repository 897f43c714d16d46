"""The payments service: money that customers promise, pay and get back."""
