"""What an agent can do: one file for each tool."""

UNTOLD = {"undo": "tuiagent.tools.undo:Undo"}
"""Tools that models are not told of."""

TABLE = {
    "read": "tuiagent.tools.read:Read",
    "write": "tuiagent.tools.write:Write",
    "edit": "tuiagent.tools.edit:Edit",
    "patch": "tuiagent.tools.patch:Patch",
    "delete": "tuiagent.tools.delete:Delete",
    "notebook": "tuiagent.tools.notebook:Notebook",
    "move": "tuiagent.tools.move:Move",
    "list": "tuiagent.tools.list:List",
    "glob": "tuiagent.tools.glob:Glob",
    "search": "tuiagent.tools.search:Search",
    "fetch": "tuiagent.tools.fetch:Fetch",
    "shell": "tuiagent.tools.shell:Shell",
    "jobs": "tuiagent.tools.jobs:JobsTool",
    "terminal": "tuiagent.tools.terminal:Terminal",
    "git_status": "tuiagent.tools.git:Status",
    "git_diff": "tuiagent.tools.git:DiffTool",
    "git_log": "tuiagent.tools.git:Log",
    "git_commit": "tuiagent.tools.git:Commit",
    "todo": "tuiagent.tools.todo:TodoList",
    "ask": "tuiagent.tools.ask:Ask",
}

SEARCH = {"web_search": "tuiagent.tools.web_search:WebSearch"}
"""What searches the web, where a person has chosen one of these engines."""

ENGINES = {
    "searxng": "tuiagent.tools.searchers:Searxng",
    "brave": "tuiagent.tools.searchers:Brave",
    "ddgs": "tuiagent.tools.searchers:Ddgs",
}
