"""The full-screen app: panes and screens over one ports.Client."""

TYPE_CHECKING = False  # the first frame is drawn before even typing is loaded
if TYPE_CHECKING:
    import argparse

    from tuiagent.clients.host import Host
    from tuiagent.ports import Client


async def run(client: "Client", args: "argparse.Namespace", host: "Host") -> int:
    """Shows the screen until the person leaves; the exit code."""
    from tuiagent.clients.tui.session import show  # noqa: PLC0415 - after the first frame

    return await show(client, args, host)
