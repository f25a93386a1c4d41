"""Readings of facts: what is shown to people and what is sent to a model."""
