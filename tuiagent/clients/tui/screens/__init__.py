"""Screens over the work place, each pushed by an action of the app and left by Esc."""
