"""Who uses the engine: each client holds a ports.Client and nothing else."""

TABLE = {
    "cli": "tuiagent.clients.cli.headless:run",
    "socket": "tuiagent.clients.web.socket:serving",
    "lasting": "tuiagent.clients.web.lasting:Lasting",
    "remote": "tuiagent.clients.web.remote:RemoteClient",
}
