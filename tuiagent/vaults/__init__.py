"""Where keys come from."""

TABLE = {"env": "tuiagent.vaults.env:Environment"}
