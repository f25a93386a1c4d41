"""Landlock."""

NAME = "landlock"
LEAST = 4


def version() -> int:
    """The version of the interface that the kernel has; 0 for none."""
    return 0
