"""Where tools touch a machine: each runtime runs commands and reaches files somewhere."""

TABLE = {
    "local": "tuiagent.runtimes.local:LocalRuntime",
    "sandbox": "tuiagent.runtimes.sandbox:SandboxRuntime",
}
"""Name -> "module:attribute" of a ports.Runtime."""
HOLDING = "tuiagent.runtimes.probe:holding"
"""Which sandbox holds what works in a folder, and why none does."""
