"""The web of a server: its gate, its guard and its application, on the engine's own loop."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from tuiagent import vaults
from tuiagent.clients.host import Host
from tuiagent.engine.engine import Engine
from tuiagent.registry import load
from tuiagent.server import Site


@asynccontextmanager
async def answering(engine: Engine, host: Host, site: Site) -> AsyncGenerator[list[str]]:
    """Answers at the site's addresses while this is open; gives their URLs.

    Raises ConfigError for an address that cannot be had or would be open to anybody.
    """
    guard = load("tuiagent.clients.web.guard:check_listening")
    guard(site.listen, site.guarded)
    keeps = load("tuiagent.clients.web.guard:guarding")(site.public_url, site.origins)
    async with AsyncExitStack() as stack:
        if site.guarded:
            await owner_key(engine, host)  # whoever is asked for a key can have one
            watching = load("tuiagent.clients.web.gate:watching")
            gate = await stack.enter_async_context(watching(engine.seat()))
        else:
            gate = load("tuiagent.clients.web.gate:OpenGate")()
        app = load("tuiagent.clients.web.app:Application")(engine.seat, gate, host)
        stack.push_async_callback(app.close)
        guarded = load("tuiagent.clients.web.guard:Guard")(app, app.gate, keeps)
        listening = load("tuiagent.clients.web.listen:listening")
        yield await stack.enter_async_context(listening(guarded, site.listen, app.drain))


async def owner_key(engine: Engine, host: Host) -> tuple[str, bool]:
    """The owner's key, and whether it was made just now."""
    path = os.path.join(host.settings.root, "owner.key")
    made = await load(vaults.TABLE["owner"])(engine.seat(), path, host.new_id)
    return made.text, made.new
