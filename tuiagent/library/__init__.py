"""What people write for agents to read: instructions, and later skills, commands and profiles."""

TABLE = {"instructions": "tuiagent.library.instructions:system_text"}
