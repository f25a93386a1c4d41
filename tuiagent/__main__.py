"""Parses the command, builds the engine, and hands it to one client."""

import gc
import os
import sys

from tuiagent import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tuiagent.clients.window import Window

SPARED = {"asyncio": "ssl", "msgspec": "typing_extensions"}
"""What these packages load, each 2 to 8 ms of a start, and can do without.

tuiagent.tls gives asyncio its TLS back once a server asks for it.
"""


def main() -> int:
    """The console script; returns the exit code."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue  # a standard stream that was closed: no file or socket shall take its place
    os.close(opened)
    argv = sys.argv[1:]
    if argv in (["--version"], ["-V"]):
        print(f"tuiagent {__version__}")
        return 0
    gc.disable()  # nothing that a start makes is garbage; the engine turns it on again
    from tuiagent import thin  # noqa: PLC0415 - not for the version

    code = thin.run(argv)
    if code is None:
        from tuiagent.clients.tui import paint  # noqa: PLC0415 - not for the thin client

        code = _run(argv, paint.begin(argv))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # whoever read it has gone; or it was closed before the start: it is None
    os._exit(code)  # everything is durable and closed: taking the interpreter down is for nothing


def _run(argv: list[str], window: "Window | None") -> int:
    for package, spared in SPARED.items():
        if package not in sys.modules and spared not in sys.modules:
            sys.modules[spared] = None  # type: ignore[assignment] - as if it were not installed
            __import__(package)
            del sys.modules[spared]
    from tuiagent import thin  # noqa: PLC0415
    from tuiagent.clients.console import OwnConsole  # noqa: PLC0415
    from tuiagent.wiring import command  # noqa: PLC0415

    code = command(argv, window)
    return thin.cut_off(OwnConsole.cut, code)


if __name__ == "__main__":
    sys.exit(main())
