"""Finds a session by what a person says of it."""

from typing import Any

from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client, Window

ALL = Window(limit=1_000_000)


async def named(client: Client, name: str, deleted: bool = False) -> dict[str, Any]:
    """The row of the session with this id or name, or whose id begins so. Raises ConfigError.

    Of several with one name the one that changed last is meant; deleted ones are not found
    unless they are asked for.
    """
    rows = [r for r in await every(client) if (r["deleted"] is not None) == deleted]
    wanted = name.removeprefix("session/")
    exact = [row for row in rows if row["stream"] == f"session/{wanted}"]
    called = [row for row in rows if row["name"] == name]
    if called and not exact:
        return called[-1]
    found = exact or [row for row in rows if row["stream"].startswith(f"session/{wanted}")]
    if not found:
        raise ConfigError(f"there is no session {name!r}; see `tuiagent sessions list`")
    if len(found) > 1:
        some = ", ".join(row["stream"].removeprefix("session/") for row in found[-3:])
        raise ConfigError(f"{name!r} is the start of {len(found)} sessions ({some} …): say more")
    return found[0]


async def every(client: Client) -> list[dict[str, Any]]:
    """All rows, also of sessions that were put away or deleted."""
    return (await client.read("sessions", "", ALL)).data


async def alone(client: Client, folder: str) -> list[dict[str, Any]]:
    """The rows of this folder's sessions that go on, or wait, with nobody at them; newest last."""
    present = (await client.read("health")).data["present"]
    seen = {presence["stream"] for presence in present}
    rows = [
        row for row in await every(client) if row["deleted"] is None and row["stream"] not in seen
    ]
    live = [row for row in rows if row["status"] in ("running", "waiting")]
    return [row for row in live if row["folder"] == folder]


async def newest(client: Client, folder: str) -> dict[str, Any]:
    """The row of the session that changed last, in this folder or, for "", anywhere."""
    rows = [row for row in await every(client) if row["deleted"] is None and not row["archived"]]
    here = [row for row in rows if not folder or row["folder"] == folder]
    if not here:
        raise ConfigError(f"there is no session {'in ' + folder if folder else 'yet'}")
    return here[-1]


async def watched(client: Client, name: str, folder: str) -> dict[str, Any]:
    """The row of this session, or for "" of the newest in the folder, or anywhere."""
    if name:
        return await named(client, name)
    try:
        return await newest(client, folder)
    except ConfigError:
        return await newest(client, "")
