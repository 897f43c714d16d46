"""Tests of the node agent, on a node without Istio. A package, so that its node ends with its last test."""
