"""Where keys come from, and what signs."""

TABLE = {
    "env": "tuiagent.vaults.env:Environment",
    "signer": "tuiagent.vaults.signer:Signer",
    "check": "tuiagent.vaults.signer:check",
}
