"""How each kind of step is performed."""
