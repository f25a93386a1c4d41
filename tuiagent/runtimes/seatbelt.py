"""Seatbelt, the sandbox of macOS: a command under a profile that the kernel holds it to.

It is tried on no Mac here; the profile's text is tested. See sandbox-exec(1).
"""

from tuiagent.runtimes.walls import Walls

NAME = "seatbelt"
PROGRAM = "/usr/bin/sandbox-exec"
WRITABLE = ("/private/tmp", "/private/var/tmp", "/private/var/folders")
DEVICES = "null zero dtracehelper tty stdout stderr".split()
SERVICES = (
    "com.apple.SecurityServer",
    "com.apple.securityd.xpc",
    "com.apple.coreservices.launchservicesd",
    "com.apple.pasteboard.1",
)
"""What of the system's own would hand out keys, or begin programs outside."""


def probe() -> list[str]:
    """A command that succeeds where it works."""
    return [PROGRAM, "-p", "(version 1)(allow default)", "/usr/bin/true"]


def prefix(walls: Walls, online: bool) -> list[str]:
    """What stands before the command."""
    return [PROGRAM, "-p", profile(walls, online)]


def profile(walls: Walls, online: bool) -> str:
    """The profile; of the rules that fit, the last one counts."""
    rows = ["(version 1)", "(allow default)", "(deny file-write*)"]
    tops = (walls.folder, *walls.writable, *WRITABLE)
    rows += [f"(allow file-write* {_below(path)})" for path in tops]
    rows += [f"(allow file-write* {_itself('/dev/' + name)})" for name in DEVICES]
    rows += [f"(deny file-write* {_below(path)})" for path in walls.frozen]
    rows += [f"(deny file-write-unlink {_itself(path)})" for path in (*walls.pinned, walls.folder)]
    rows += [f"(deny file-read* file-write* {_below(path)})" for path in walls.hidden]
    rows += [f"(allow file-read* {_below(path)})" for path in (walls.folder, *walls.shown)]
    rows += [] if online else ["(deny network*)", '(allow network* (local ip "localhost:*"))']
    rows += ["(deny network-outbound (remote unix-socket))"]
    rows += [f"(deny mach-lookup (global-name {_quoted(name)}))" for name in SERVICES]
    rows += ["(deny process-info* (target others))", "(deny signal (target others))"]
    rows += ["(allow signal (target same-sandbox))"]
    return "\n".join(rows) + "\n"


def _below(path: str) -> str:
    return f"(subpath {_quoted(path)})"


def _itself(path: str) -> str:
    return f"(literal {_quoted(path)})"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
