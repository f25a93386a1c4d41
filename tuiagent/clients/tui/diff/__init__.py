"""Differences between files on the screen, and taking them back."""
