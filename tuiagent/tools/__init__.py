"""What an agent can do: one file for each tool."""

TABLE = {
    "read": "tuiagent.tools.read:Read",
    "write": "tuiagent.tools.write:Write",
    "edit": "tuiagent.tools.edit:Edit",
    "list": "tuiagent.tools.list:List",
    "search": "tuiagent.tools.search:Search",
    "shell": "tuiagent.tools.shell:Shell",
    "ask": "tuiagent.tools.ask:Ask",
}
