"""Where keys come from and are kept, and what signs."""

TABLE = {
    "kept": "tuiagent.vaults.kept:Kept",
    "marks": "tuiagent.vaults.marked:Marked",
    "tokens": "tuiagent.vaults.kept:Tokens",
    "env": "tuiagent.vaults.env:Environment",
    "signer": "tuiagent.vaults.signer:Signer",
    "check": "tuiagent.vaults.signer:check",
    "owner": "tuiagent.vaults.owner:owner_key",
    "printed": "tuiagent.vaults.owner:printed",
}
