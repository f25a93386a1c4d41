"""The names of the environment that are read, and those that a session records."""

KEEP = frozenset(
    (
        "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM COLORTERM TMPDIR VIRTUAL_ENV "
        "CONDA_PREFIX PYENV_ROOT PYENV_VERSION NVM_DIR NODE_PATH JAVA_HOME GOPATH GOROOT "
        "CARGO_HOME RUSTUP_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME "
        "XDG_RUNTIME_DIR"
    ).split()
)
"""Names of the environment that a session records for its commands, beside LC_*."""
KEYS = {
    "OPENAI_API_KEY": "openai",
    "ANTHROPIC_API_KEY": "anthropic",
    "GEMINI_API_KEY": "google",
    "GOOGLE_API_KEY": "google",
    "OPENROUTER_API_KEY": "openrouter",
    "XAI_API_KEY": "xai",
    "MISTRAL_API_KEY": "mistral",
    "DEEPSEEK_API_KEY": "deepseek",
    "GROQ_API_KEY": "groq",
}
"""Names under which people have keys already, and whose they are; the first that is set counts."""
ADDRESSES = {
    "OPENAI_BASE_URL": "openai",
    "ANTHROPIC_BASE_URL": "anthropic",
    "GOOGLE_GEMINI_BASE_URL": "google",
}
"""Names under which people have the addresses of other servers."""
ENVIRONMENT = {
    "TUIAGENT_HOME": "the state root, where the journal is",
    "TUIAGENT_MODEL": "the model, as PROVIDER/MODEL",
    "TUIAGENT_PASSPHRASE": "what opens the encrypted file of keys",
    "TUIAGENT_MODE": "the permission mode",
    "OPENAI_BASE_URL": "another server for openai/… models; a key is optional there",
    "OPENAI_MODEL": "the model of that server",
    "BRAVE_API_KEY": "the key of Brave's search, where [web] chooses that",
    "ANTHROPIC_BASE_URL": "another server for anthropic/… models; a key is optional there",
    "GOOGLE_GEMINI_BASE_URL": "another server for google/… models; a key is optional there",
    **{name: f"the key of {whose}/… models" for name, whose in KEYS.items()},
}
"""Every name that is read, and what it sets."""
SERVING = {
    "TUIAGENT_LISTEN": "where `serve` listens: ADDRESS:PORT, by commas",
    "TUIAGENT_PORT": "its port, where no address is said",
    "TUIAGENT_PUBLIC_URL": "how others reach it",
    "TUIAGENT_CORS_ORIGINS": "whose pages may use it, by commas",
    "HOST": "its address, where this is one (after TUIAGENT_LISTEN)",
    "PORT": "its port, after TUIAGENT_PORT",
    "HEIM_PORT": "its port, after PORT",
    "HEIM_CORS_ORIGINS": "whose pages may use it, after TUIAGENT_CORS_ORIGINS",
}
"""Names that only `serve` reads, those of other programs last."""
