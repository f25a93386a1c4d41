"""Parses the command, builds the engine, and hands it to one client."""

import sys

from tuiagent import __version__


def main() -> int:
    """The console script; returns the exit code."""
    argv = sys.argv[1:]
    if argv in (["--version"], ["-V"]):
        print(f"tuiagent {__version__}")
        return 0
    from tuiagent.clients.cli.main import main as command_line  # noqa: PLC0415

    return command_line(argv)


if __name__ == "__main__":
    sys.exit(main())
