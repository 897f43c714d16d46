"""Samples of requests: values at the limits of validation rules, and whole messages that contain them."""
