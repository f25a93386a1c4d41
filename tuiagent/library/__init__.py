"""What people write for agents to read: instructions, skills, commands and hooks."""

TABLE = {
    "shelf": "tuiagent.library.shelf:Shelf",
    "trust": "tuiagent.library.trust:brought",
    "check": "tuiagent.library.skills:check",
    "skill": "tuiagent.library.tool:SkillTool",
}
"""What was written for one folder; what of it would be run; a look at one skill; the tool."""
