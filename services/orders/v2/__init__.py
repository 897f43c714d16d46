"""The second version of the contract, over the same handlers: conversions, and nothing of the business."""
