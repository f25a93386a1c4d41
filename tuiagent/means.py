"""Providers, tools and runtimes of this machine, each loaded by its name when it is first used."""

import contextlib
import functools
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuiagent import (
    __version__,
    clients,
    config,
    library,
    providers,
    runtimes,
    stores,
    tools,
    vaults,
)
from tuiagent.config import Settings
from tuiagent.credentials import UNLOCKING, Credentials, usual
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.errors import ConfigError, ProviderError
from tuiagent.kernel.marks import Marks
from tuiagent.kernel.message import Message, Prompt, Text, ToolSpec, Usage
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.standing import TOOLS, Standing
from tuiagent.lending import Lending
from tuiagent.ports import Provider, Runtime, Tool
from tuiagent.registry import load

if TYPE_CHECKING:
    from tuiagent.library.shelf import Shelf
    from tuiagent.tools.own import Offered


HELLO = "Say hello in one word."
SKILL = "skill"
"""The tool that is lent by the library."""


class LocalMeans:
    """What performing steps takes on this machine, as engine.drive.Means asks for it."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        holds: Standing,
        given: Sequence[Tool],
    ) -> None:
        self.settings = settings
        self._environ = environ
        self.credentials = Credentials(lambda: self.settings, environ)
        self._providers: dict[tuple[str, str, str | None], Provider] = {}
        self._tools: dict[str, Tool] = {}
        self._holds = holds
        passphrase = self.credentials.passphrase
        self.lending = Lending(lambda: self.settings, environ, holds, passphrase)
        """What is lent to sessions here."""
        self.credentials.opened = self.lending.wake
        self._given = given
        told = (*tools.TABLE, *tools.SEARCH, *tools.UNTOLD, SKILL)
        names = [*told, *(tool.name for tool in given)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"there are two tools of one name: {', '.join(sorted(twice))}")

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        name, _, rest = model.partition("/")
        if name == "scripted":
            return load(providers.TABLE["scripted"])(rest)
        table = self.settings.providers.get(name)
        url = opened.endpoints.get(name, "") or usual(name, "url")
        if not url and not (table and table.kind in providers.CLOUDS):
            raise ProviderError(
                "bad_request",
                f"there is no provider {name!r}; use openai/MODEL (any compatible server by "
                f"OPENAI_BASE_URL), one of {', '.join(load(providers.SERVERS['names'])())}, set "
                f"api_base in [providers.{name}] of config.toml, or use scripted/tour",
            )
        self._allowed(name, rest)
        key = self.credentials.find(name, opened)
        known = self._providers.get((name, url, key))
        if known is None:
            known = load(providers.TABLE["connect"])(name, url, key, table)
            self._providers[name, url, key] = known
        return known

    def _allowed(self, name: str, model: str) -> None:
        """Raises ProviderError for a model that the user's file does not name among a server's."""
        table = self.settings.providers.get(name)
        if table and table.models and model not in (*table.models, table.default_model):
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(model, table.models, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(table.models)}"
            raise ProviderError(
                "bad_request",
                f"{name}/{model} is not among the models of [providers.{name}] in config.toml: "
                f"{hint} Choose one of them, or add it there",
            )

    async def test(self, model: str, opened: SessionOpened) -> dict[str, object]:
        """Asks the model for one word; whether it answers, how fast, or why not."""
        begun = time.monotonic()
        try:
            provider = self.provider(model, opened)
            prompt = Prompt(model.partition("/")[2], "", (), (Message("user", (Text(HELLO),)),))
            stream = provider.stream(prompt)
            async with contextlib.aclosing(stream):  # type: ignore[type-var]
                await anext(stream)
        except ProviderError as error:
            return {"ok": False, "text": str(error)}
        return {"ok": True, "text": f"it answers, after {time.monotonic() - begun:.1f} s"}

    async def offers(self, opened: SessionOpened) -> list[dict[str, Any]]:
        """The models that can be had: those of the user's servers, of this machine, and known ones.

        Each with its name as PROVIDER/MODEL, where it is from (config, nearby, known), the URL of
        its server where that is not the usual one, window, US dollars for a million tokens, and
        whether a key is there or needed by none (`keyed`): these are the first. Of a server whose
        models the user's file names there are no others.
        """
        found: list[dict[str, Any]] = []
        tables = self.settings.providers
        for name, table in tables.items():
            own = dict.fromkeys((table.default_model, *table.models))
            for model in filter(None, own):
                found.append({"name": f"{name}/{model}", "from": "config", "url": table.api_base})
        named = {name for name, table in tables.items() if table.models}
        for server in await load(providers.MODELS["nearby"])():
            for model in server.models if server.name not in named else ():
                row = {"name": f"{server.name}/{model}", "from": "nearby", "url": server.url}
                found.append(row)
        for one in load(providers.MODELS["offered"])():
            if one.name.partition("/")[0] not in named:
                price = {"input": one.rates[0].input, "output": one.rates[0].output}
                found.append({"name": one.name, "from": "known", "window": one.window, **price})
        keyed = functools.cache(lambda name: self.credentials.has(name, opened))
        for row in found:
            row["keyed"] = keyed(row["name"].partition("/")[0])
        return sorted(found, key=_usefulness)

    def needs(self, model: str, opened: SessionOpened) -> str:
        """Why this model cannot be asked here, such as `needs key OPENAI_API_KEY`; "" if it can."""
        try:
            self.provider(model, opened)
        except ProviderError as error:
            return str(error)
        return ""

    def reached(self, opened: SessionOpened) -> dict[str, object]:
        """Where a session's model is asked, and why it cannot be ("" for neither); whether that is
        not known yet, as its key is being unlocked."""
        name = opened.model.partition("/")[0]
        url = opened.endpoints.get(name, "") or usual(name, "url")
        needs = self.needs(opened.model, opened)
        return {"url": url, "needs": needs, "opening": needs.endswith(UNLOCKING)}

    def able(self) -> dict[str, object]:
        """What this installation has of each kind; an empty list says that there is none yet."""
        return {
            "version": __version__,
            "providers": sorted(
                {"scripted", *load(providers.SERVERS["names"])(), *self.settings.providers}
            ),
            "tools": [spec.name for spec in self.tools()],
            "runtimes": list(runtimes.TABLE),
            "sandbox": list(filter(None, [self.sandbox(os.path.join(self.settings.home, "x"))[0]])),
            "stores": list(stores.TABLE),
            "clients": list(clients.TABLE),
        }

    def keys(self) -> set[str]:
        """See engine.drive.Means."""
        return self.credentials.all()

    def marks(self) -> Marks:
        """See engine.drive.Means."""
        return load(vaults.TABLE["marks"])(self.settings.home).read()

    def price(self, model: str, usage: Usage) -> float | None:
        """See engine.drive.Means."""
        own = config.price(self.settings, model, usage)
        if own is not None:
            return own
        found = load(providers.MODELS["find"])(model)
        return found.cost(usage) if found else None

    def prices(self, model: str) -> dict[str, object]:
        """Whether the price of PROVIDER/MODEL is known, and where the usual ones come from."""
        known = self.price(model, Usage()) is not None
        return {**load(providers.MODELS["origin"])(), "known": known}

    def window(self, model: str) -> int:
        """See engine.drive.Means."""
        table = self.settings.providers.get(model.partition("/")[0])
        if table is not None and table.context_window:
            return table.context_window
        found = load(providers.MODELS["find"])(model)
        return found.window if found else 0

    def fallback(self, model: str) -> str:
        """See engine.drive.Means."""
        chain = tuple(dict.fromkeys(self.settings.fallback))
        rest = chain[chain.index(model) + 1 :] if model in chain else chain
        return rest[0] if rest else ""

    def takes(self, model: str) -> frozenset[str]:
        """See engine.drive.Means."""
        table = self.settings.providers.get(model.partition("/")[0])
        if table is not None and table.takes is not None:
            return frozenset(table.takes)
        return load(providers.MODELS["takes"])(model)

    def tool(self, name: str, opened: SessionOpened | None = None) -> Tool | None:
        """See engine.drive.Means."""
        if name in tools.UNTOLD:
            return load(tools.UNTOLD[name])()
        if name == SKILL and name not in self._tools:
            self._tools[name] = load(library.TABLE[SKILL])(self.shelf)
        if name not in self._tools and (made := self._made(name)):
            self._tools[name] = made
        known = self._tools.get(name) or self.own[0].get(name)
        return known or (self.lending.tools(opened.folder).get(name) if opened else None)

    def _made(self, name: str) -> Tool | None:
        """One of our own tools, as the settings have it; None for other names."""
        web = self.settings.web
        if name in tools.SEARCH and web and web.search:
            given = {
                "searxng": [web.searxng_url],
                "brave": [lambda: self.credentials.named("BRAVE_API_KEY", "brave")],
            }
            engine = load(tools.ENGINES[web.search])(*given.get(web.search, []))
            return load(tools.SEARCH[name])(engine)
        if name not in tools.TABLE:
            return None
        kind = load(tools.TABLE[name])
        return kind(web.private) if name == "fetch" and web else kind()

    def tools(self, opened: SessionOpened | None = None) -> tuple[ToolSpec, ...]:
        """See engine.drive.Means."""
        lent = self.lending.told(opened.folder) if opened else ()
        names = (*tools.TABLE, *tools.SEARCH, SKILL, *self.own[0], *lent)
        found = [tool for name in names if (tool := self.tool(name, opened))]
        return tuple(ToolSpec(t.name, t.description, t.parameters) for t in found)

    def lent(self, opened: SessionOpened) -> frozenset[str]:
        """See engine.drive.Means."""
        return frozenset(self.lending.tools(opened.folder))

    def warm(self) -> None:
        """Loads what a first request needs, so that nobody waits for it."""
        load(providers.TABLE["connect"])
        load(library.TABLE["shelf"])
        self.tools()

    def told(self) -> dict[str, object]:
        """The tools that there are, and the places where people's own come from."""
        found = [tool for spec in self.tools() if (tool := self.tool(spec.name))]
        rows = [{"name": t.name, "effect": t.effect, "description": t.description} for t in found]
        return {"tools": rows, "offered": self.own[1]}

    @functools.cached_property
    def own(self) -> "tuple[dict[str, Tool], list[Offered]]":
        """People's own tools, and what became of the places where they come from."""
        given = {tool.name: tool for tool in self._given}
        packages, told = load("tuiagent.tools.own:from_packages")()
        files, more = load("tuiagent.tools.own:from_files")(self._holds.trusted[TOOLS])
        return {**packages, **files, **given}, [*told, *more]

    def brought(self, folder: str) -> list[object]:
        """What this folder's files would have us run, and whether they may."""
        user = self._environ.get("HOME", "")
        return load(library.TABLE["trust"])(
            folder, self.settings.home, user, self._holds, (self.lending.offers,)
        )

    async def given(self, folder: str, name: str, arguments: str) -> str:
        """What is said for a command of people's own. Raises ConfigError."""
        opened = config.opening(self.settings, folder, self._environ)
        given = self.shelf(opened.folder).command(name, arguments)
        if not given.runs:
            return given.text
        always = self._holds.holding(opened.folder, time.time())
        rules = (*config.rules_in(self.settings, opened.folder), *always)
        filled = load("tuiagent.engine.given:filled")
        return await filled(self, opened, rules, given.text, given.runs)

    def runtime(self, opened: SessionOpened) -> Runtime:
        """See engine.drive.Means: in a sandbox, unless none works or a person wants none."""
        spools = os.path.join(self.settings.root, "spools")
        where = (opened.folder, opened.environment, spools)
        if opened.sandbox == OFF:
            return load(runtimes.TABLE["local"])(*where, OFF)
        if not self.sandbox(opened.folder, opened.environment)[0]:
            return load(runtimes.TABLE["local"])(*where)
        table = self.settings.sandbox
        more = (table.write, table.hide, table.hosts) if table else ()
        return load(runtimes.TABLE["sandbox"])(*where, self.settings.home, *more)

    def sandbox(self, folder: str, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Which sandbox holds what works in this folder; "" and why, where none does."""
        where = (folder, os.environ if environ is None else environ, self.settings.root)
        return load(runtimes.HOLDING)(*where)

    def system(self, opened: SessionOpened) -> str:
        """See engine.drive.Means."""
        return self.library(opened).system(opened.skills)

    def library(self, opened: SessionOpened) -> "Shelf":
        """See engine.drive.Means."""
        return self.shelf(opened.folder)

    def shelf(self, folder: str) -> "Shelf":
        """What people wrote for the sessions of this folder."""
        user = self._environ.get("HOME", "")
        return load(library.TABLE["shelf"])(folder, self.settings.home, user, self._holds)


def _usefulness(row: Mapping[str, Any]) -> tuple[bool, int, bool, int]:
    """Where an offer stands: what answers now, what is near, what is usual; else as it was."""
    provider, _, model = row["name"].partition("/")
    usual = [*config.FIRST, provider]
    place = ("config", "nearby", "known").index(row["from"])
    return not row["keyed"], place, config.FIRST.get(provider) != model, usual.index(provider)
