"""What the routes of tuiagent's own API do, by noun."""
