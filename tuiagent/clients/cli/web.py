"""`web`: a link that opens the full screen in a browser, served by the background server."""

import argparse
import asyncio
import os
import sys
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import msgspec

from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say
from tuiagent.clients.cli.serve import PORT, PORTS, stop
from tuiagent.clients.host import Serving
from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.ports import Client
from tuiagent.server import begin, server_record

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
APART = """\
tuiagent: the page there has no environment of this shell, which names the model: for all there is
tuiagent config set model {0}/{2}, and tuiagent keys set {0}"""
PATIENCE = 10.0
"""Seconds that the server gets to answer."""
WINDOWS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""Of the environment: without one of these a browser would take the terminal."""


async def run(client: Client, args: argparse.Namespace, host: Serving) -> int:
    """Prints the link, and opens it where there is a browser."""
    folder = os.path.realpath(args.cwd)
    if not os.path.isdir(folder):
        raise ConfigError(f"{args.cwd} is not a folder")
    key, _ = await host.owner_key()
    url = await asyncio.to_thread(_listening, host.settings.root, args.port)
    await (await host.background(folder)).close()  # by which it is lent the keys for this folder
    ticket = await asyncio.to_thread(_ticket, url, key)
    link = f"{url}/#{urlencode({'ticket': ticket, 'folder': folder})}"
    say(f"{link}\n")
    print("tuiagent: the link opens once, within two minutes", file=sys.stderr)
    if host.settings.said.get("model", ("", ""))[1].startswith("environment"):
        print(APART.format(*host.settings.model.partition("/")), file=sys.stderr)
    if not args.only and not await asyncio.to_thread(_opened, link):
        print("tuiagent: no browser was found here: open the link in one", file=sys.stderr)
    return DONE


def _listening(root: str, port: str) -> str:
    """Where the server listens for the web; it is begun where none does. Raises TuiagentError."""
    record = server_record(root)
    if record is None or not record.addresses:
        if record is not None:
            print(f"tuiagent: taking the place of process {record.pid}", file=sys.stderr)
            stop(root)
        usual = next((os.environ[name] for name in PORTS if os.environ.get(name)), PORT)
        record = begin(root, os.environ, ["--port", port or usual])
    near = [url for url in record.addresses if urlsplit(url).hostname in ("127.0.0.1", "::1")]
    parts = urlsplit((near or list(record.addresses))[0])
    name = ANY.get(parts.hostname or "", parts.hostname or "")
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{parts.port}"


def _ticket(url: str, key: str) -> str:
    """What lets one browser log in. Raises TuiagentError."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - 20 ms

    connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("POST", "/screen/ticket", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = msgspec.json.decode(answer.read(), type=dict[str, object])
    except (OSError, HTTPException, msgspec.MsgspecError) as error:
        raise TuiagentError(f"the server at {url} cannot be asked: {error}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise TuiagentError(f"the server at {url} gives no ticket: {body.get('detail')}")
    return str(body["ticket"])


def _opened(link: str) -> bool:
    """Whether a browser with a window of its own has it now."""
    import webbrowser  # noqa: PLC0415 - it looks for programs

    if sys.platform == "linux" and not any(os.environ.get(name) for name in WINDOWS):
        return False
    return webbrowser.open(link)
