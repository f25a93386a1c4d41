"""Where models are: each provider turns a prompt into a stream of parts."""

TABLE = {
    "connect": "tuiagent.providers.servers:connect",
    "scripted": "tuiagent.providers.scripted:Scripted",
}
DIALECTS = {
    "compatible": "tuiagent.providers.compatible:Compatible",
    "responses": "tuiagent.providers.responses:Responses",
    "anthropic": "tuiagent.providers.anthropic:Anthropic",
    "google": "tuiagent.providers.google:Google",
}
"""How servers are spoken to."""
CLOUDS = {
    "bedrock": "anthropic",
    "vertex": "google",
    "anthropic_vertex": "anthropic",
    "azure": "responses",
}
"""Clouds that rent out models, and the dialect that is spoken there; by their official clients."""
SDK = "tuiagent.providers.sdk:sdk"
SERVERS = {
    "url": "tuiagent.providers.servers:url_of",
    "key": "tuiagent.providers.servers:key_of",
    "names": "tuiagent.providers.servers:names",
}
"""What is known of servers by their short names."""
MODELS = {
    "find": "tuiagent.providers.models:find",
    "origin": "tuiagent.providers.models:origin",
    "takes": "tuiagent.providers.models:takes",
    "offered": "tuiagent.providers.models:offered",
    "nearby": "tuiagent.providers.nearby:nearby",
}
"""What is known of models, whoever serves them."""
