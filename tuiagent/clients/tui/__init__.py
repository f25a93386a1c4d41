"""The full-screen app: panes and screens over one ports.Client."""
