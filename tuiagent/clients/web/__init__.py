"""The same three verbs over a wire."""
