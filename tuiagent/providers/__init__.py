"""Where models are: each provider turns a prompt into a stream of parts."""

TABLE = {
    "compatible": "tuiagent.providers.compatible:Compatible",
    "scripted": "tuiagent.providers.scripted:Scripted",
}
MODELS = {
    "find": "tuiagent.providers.models:find",
    "origin": "tuiagent.providers.models:origin",
    "takes": "tuiagent.providers.models:takes",
    "every": "tuiagent.providers.models:every",
    "nearby": "tuiagent.providers.nearby:nearby",
}
"""What is known of models, whoever serves them."""
