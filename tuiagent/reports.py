"""What the engine of this machine tells when it is asked, beside the views of its journal."""

import asyncio
import contextlib
import functools
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tuiagent import __version__, config, library, stores, vaults
from tuiagent.config import Flags, Settings
from tuiagent.engine.check import check, opened_of, question
from tuiagent.engine.engine import Engine, Report, beside, unhurried
from tuiagent.engine.journal import Journal
from tuiagent.engine.verify import Verdict, verify
from tuiagent.kernel import directory, standing
from tuiagent.kernel.errors import ConfigError, ToolError
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.ports import Usual, Window
from tuiagent.registry import load

if TYPE_CHECKING:
    from tuiagent.engine.search import Searcher


class Asked(Protocol):
    """The process that the engine is in."""

    settings: Settings
    environ: Mapping[str, str]

    def opening(self, folder: str) -> SessionOpened:
        """How a session in this folder is opened here."""
        ...

    def reload(self) -> None:
        """Reads the settings again."""
        ...


def reports(house: Asked, engine: Engine, means: LocalMeans, copy: str) -> dict[str, Report]:
    """What is made anew each time it is asked for."""
    journal = engine.journal

    def verified(stream: str) -> Verdict:
        return verify(journal, stream, load(vaults.TABLE["check"]), copy)

    def copied(target: str) -> Verdict:
        journal.store.copy(target)
        with contextlib.closing(load(stores.COPY)(target)) as made:
            other = Journal(made, journal.codec, "", journal.world)
            return verify(other, "", load(vaults.TABLE["check"]), "")

    async def checked(key: str) -> object:
        asked = question(key, "tool", "subject")
        folder, mode = asked.get("folder") or ".", asked.get("mode", "")
        settings = config.load(house.environ, Flags(folder, mode=mode))
        opened = config.opening(settings, folder, house.environ)
        always = holding(journal).holding(opened.folder, journal.world.now())
        rules = (*settings.rules, *always)
        if asked.get("session"):
            state, opened = opened_of(journal, asked["session"])
            opened = msgspec.structs.replace(opened, mode=mode or state.mode)
            rules = state.rulebook.holding(journal.world.now())
        return await check(means, opened, rules, asked["tool"], asked["subject"])

    def needed(key: str) -> str:
        asked = question(key, "session", "model")
        return means.needs(asked["model"], opened_of(journal, asked["session"])[1])

    async def tested(key: str) -> object:
        asked = question(key, "model")
        return await means.test(asked["model"], house.opening(asked.get("folder") or "."))

    return {
        "capabilities": lambda key: means.able(),
        "needs": needed,
        "reached": lambda folder: means.reached(house.opening(folder)),
        "check": checked,
        "sandbox": lambda folder: dict(zip(("sandbox", "why"), means.sandbox(folder), strict=True)),
        "kept": lambda key: kept(journal),
        "proposed": lambda key: load("tuiagent.engine.proposed:proposed")(journal, means, key),
        "picture": lambda key: load("tuiagent.engine.picture:picture")(journal, key),
        "usual": lambda folder: Usual(house.opening(folder), house.settings.limits),
        "tools": lambda key: means.told(),
        "mcp": lambda key: asked_of_servers(house, journal, means, key),
        **written(means),
        "directory": lambda key: load("tuiagent.views.directory:listing")(
            journal.events(directory.STREAM)
        ),
        "health": lambda key: health(engine, house.settings.root),
        "prices": means.prices,
        "offers": lambda folder: means.offers(house.opening(folder or ".")),
        "tested": tested,
        "copy": lambda target: asyncio.to_thread(copied, target),
        "verify": verified,
    }


async def asked_of_servers(house: Asked, journal: Journal, means: LocalMeans, key: str) -> object:
    """How the servers are that lend tools, what waits, or what is asked of one.

    Raises ConfigError, Refused.
    """
    asked = {"folder": ".", **(msgspec.json.decode(key, type=dict[str, Any]) if key else {})}
    if asked.get("what") == "reload":
        house.reload()
        return None
    if asked.get("what") == "waiting":
        return load("tuiagent.engine.renewal:waiting")(journal, means, str(asked.get("session")))
    try:
        if what := asked.get("what"):
            return await means.lending.connector.ask(what, str(asked.get("server")), asked)
    except ToolError as error:
        raise ConfigError(str(error)) from error
    return means.lending.connector.lenders(os.path.realpath(asked["folder"]))


def written(means: LocalMeans) -> dict[str, Report]:
    """What people wrote for agents, and would have us run: by folder, or by an object with one."""

    async def given(key: str) -> object:
        asked = question(key, "folder", "name")
        return await means.given(asked["folder"], asked["name"], asked.get("arguments", ""))

    def skill(key: str) -> object:
        asked = question(key, "folder", "name")
        return means.shelf(asked["folder"]).material(asked["name"])

    return {
        "skills": lambda folder: means.shelf(folder).skills(),
        "skill": skill,
        "checked": lambda path: load(library.TABLE["check"])(path),
        "commands": lambda folder: means.shelf(folder).commands(),
        "given": given,
        "trust": means.brought,
    }


def holding(journal: Journal) -> Standing:
    """What holds in every session here."""
    facts = (event.fact for event in journal.events(standing.STREAM))
    return functools.reduce(standing.fold, facts, Standing())


def kept(journal: Journal) -> list[dict[str, object]]:
    """The rules that hold for good, each in its folder."""
    return [
        {"rule": rule, "folder": folder, "until": one.until}
        for (rule, folder), one in holding(journal).rules.items()
    ]


def findable(engine: Engine, path: str) -> None:
    """Lets everything that was said be found, by an index in this file."""

    @functools.cache
    def searcher() -> "Searcher":
        index = load(stores.INDEX)(path, f"{__version__} {load('tuiagent.views.search:SHAPE')}")
        return load("tuiagent.engine.search:Searcher")(engine.journal, engine.hub, index)

    async def found(key: str) -> object:
        rows = await engine.read("sessions", "", Window(limit=sys.maxsize))
        return await searcher().search(key, rows.data)

    engine.reports["search"] = found
    engine.forgetting.append(lambda stream: searcher().forget(stream))
    engine.services.append(lambda: beside(unhurried(lambda: searcher().work())))


def exportable(engine: Engine) -> None:
    """Lets sessions be written to files."""
    for name, made in (("export", "exported"), ("replay", "replayable")):
        engine.reports[name] = lambda key, made=made: asyncio.to_thread(
            load(f"tuiagent.engine.transfer:{made}"), engine.journal, key, engine.veil
        )


def health(engine: Engine, root: str) -> dict[str, object]:
    """What a doctor asks of an engine."""
    return {
        "root": root,
        "sqlite": engine.journal.store.engine,
        "bytes": engine.journal.store.size(),
        "events": engine.journal.store.position(),
        "driving": engine.worker.driving,
        "present": engine.hub.present("session/*"),
        "halted": dict(engine.worker.halted),
    }
