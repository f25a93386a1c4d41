"""The pure core: what may happen, what did happen, and what must happen next."""
