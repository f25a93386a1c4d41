"""What others lend to agents: a connector reaches servers, and makes tools of what they offer."""

TABLE = {"mcp": "tuiagent.connectors.mcp:Mcp"}
"""Name -> "module:attribute" of what makes a ports.Connector."""
AROUND = "tuiagent.connectors.surroundings:Surroundings"
FILLING = "tuiagent.connectors.servers:Filling"
OFFERS = "tuiagent.connectors.servers:offers"
"""What the file of a folder would have us reach, for a person to look at."""
FOUND = "tuiagent.connectors.servers:found"
"""The server that a person names to sign in to."""
LOGIN = "tuiagent.connectors.oauth:sign_in"
"""Has a person sign in to a server."""
