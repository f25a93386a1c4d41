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
