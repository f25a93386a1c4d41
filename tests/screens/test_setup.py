"""Palette, help, themes, settings, models and keys, by their keys."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.color import Color

from tests.house import call, say
from tests.screens.kit import KINDS, SIZES, screen
from tuiagent import config_file
from tuiagent.clients.tui import commands, paint, themes
from tuiagent.clients.tui.app import TuiApp
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.screens.models import Models
from tuiagent.clients.tui.screens.settings import Keys
from tuiagent.config_file import ScreenTable
from tuiagent.kernel.errors import ConfigError


async def test_the_palette_reaches_what_a_few_letters_say(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.press("ctrl+p")
        await it.until("Palette")
        await it.type("theme forest")
        await it.until("theme forest")
        await it.press("enter")
        await it.until(lambda: it.app.theme == "forest")
    async with screen(tmp_path) as it:
        assert it.app.theme == "forest", "it is kept"


async def test_a_theme_is_shown_before_it_is_taken(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.app.run_action("theme")
        await it.until("─ Theme")
        before = it.app.theme
        await it.press("down")
        await it.until(lambda: it.app.theme != before)
        await it.press("escape")
        await it.until(lambda: it.app.theme == before)


@pytest.mark.parametrize("name", sorted(themes.files("")))
async def test_every_theme_dresses_the_app(tmp_path: Path, name: str) -> None:
    async with screen(tmp_path, size=(80, 24)) as it:
        it.app.dress(name)
        await it.pilot.pause()
        assert it.app.theme == name


def test_there_are_themes_for_everybody() -> None:
    found = [themes.read(path) for path in themes.files("").values()]
    assert len(found) >= 10
    assert {True, False} == {theme.dark for theme in found}
    assert any(theme.ansi for theme in found)


async def test_ones_own_theme_is_a_file_that_reloads(tmp_path: Path) -> None:
    own = tmp_path / "themes"
    own.mkdir()
    (own / "mine.toml").write_text('primary = "#ff0000"\n')
    async with screen(tmp_path) as it:
        await it.app.wear("mine")
        assert it.app.current_theme.primary == "#ff0000"
        (own / "mine.toml").write_text('primary = "#00ff00"\n')
        await it.until(lambda: it.app.current_theme.primary == "#00ff00")
        (own / "mine.toml").write_text('primary = "greenish"\n')
        await it.until("greenish")
        assert it.app.current_theme.primary == "#00ff00"


@pytest.mark.parametrize("table", ["nonsense = 1", "secondary = '#fff'", "primary = 'red', x"])
def test_a_wrong_theme_says_what_is_wrong(tmp_path: Path, table: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(table)
    with pytest.raises(ConfigError, match="the theme"):
        themes.read(path)


async def test_a_key_that_one_wishes_for_comes_before_what_is_usual(tmp_path: Path) -> None:
    keys = {"palette": "ctrl+k", "prompt.queue": "ctrl+o"}
    async with screen(tmp_path, tui=ScreenTable(keys=keys)) as it:
        await it.type("words")
        await it.press("home", "ctrl+k")
        await it.until("a few letters")
        await it.press("escape", "ctrl+p")
        assert len(it.app.screen_stack) == 1, "the usual key does it no more"
        assert it.app.query_one(Editor).text == "words", "and what was usual is not done as well"
        await it.press("f1")
        shown = await it.until("Keys here")
        for line in (r"\^k +Palette +palette", r"\^o +Send after the run +prompt\.queue"):
            assert re.search(line, shown), shown


async def test_help_opens_a_guide(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.press("f1")
        await it.until("Keys here")
        await it.press("end", "enter")
        await it.until(lambda: len(it.app.screen_stack) == 3)
        await it.press("escape", "escape")
        await it.until(lambda: len(it.app.screen_stack) == 1)


async def test_a_setting_is_changed_in_the_file(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.app.run_action("settings")
        await it.until("retention_days")
        names = [one.name for one in it.app.screen.query_one("#settings").rows]  # type: ignore[attr-defined]
        await it.press(*["down"] * names.index("retention_days"), "enter")
        await it.until(lambda: len(it.app.screen_stack) == 3)
        await it.press("end", "backspace", "backspace", "7", "enter")
        await it.until("● retention_days")
        assert config_file.read(str(tmp_path / "config.toml")).retention_days == 7
        assert it.host.reloaded == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_in_force_is_told_with_what_decides_it(
    tmp_path: Path, kind: str, size: str
) -> None:
    (tmp_path / "config.toml").write_text(
        'mode = "plan"\nmodel = "a/b"\n[providers.x]\napi_key = "sk-canary"\n'
    )
    said = {
        "model": ("openai/gpt-5.5", "environment: TUIAGENT_MODEL"),
        "mode": ("plan", "file"),
        "effort": ("high", "flag"),
        "data_dir": ("/var/lib/x", "default"),
    }
    async with screen(tmp_path, size=SIZES[size], kind=kind) as it:
        it.host.settings = replace(it.host.settings, said=said)
        await it.app.run_action("settings")
        await it.until("● model")
        rows = {one.name: one for one in it.app.screen.query_one(Keys).rows}
        told = {name: (row.holds, row.where) for name, row in rows.items()}
        assert {name: told[name] for name in said} == said
        assert rows["model"].value == '"a/b"', "this is what can be changed here"
        assert told["retention_days"] == ("30", "default")
        assert told["providers"] == ("x", "file"), "and no key of it"
        assert told["work_dir"] == told["max_cost"] == ("–", "default")
        assert told["tui.theme"] == (it.app.theme, "default")
        assert "openai/gpt-5.5" in it.shown
        assert ("environment: TUIAGENT_MODEL" in it.shown) or size == "tiny"
        assert '""' not in it.shown
        await it.press("down", "down")
        await it.until(lambda: "how much the model thinks" in it.shown and "flag" in it.shown)
        await it.press("end")
        assert "canary" not in it.shown


async def test_a_setting_that_is_wrong_is_refused_where_it_was_typed(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.app.run_action("settings")
        await it.until("max_cost")
        names = [one.name for one in it.app.screen.query_one("#settings").rows]  # type: ignore[attr-defined]
        await it.press(*["down"] * names.index("max_cost"), "enter")
        await it.until(lambda: len(it.app.screen_stack) == 3)
        await it.type("much\n")
        await it.until("Expected")
        assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_first_start_leads_to_a_model(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, model="", kind=kind) as it:
        await it.until("It needs a model.")
        await it.until("no server of models was found")
        told: list[str] = []
        it.engine.reports["mcp"] = lambda key: told.append(json.loads(key)["what"])
        it.engine.reports["tested"] = lambda key: {"ok": told == ["reload"], "text": "unknown here"}
        await it.press("end", "enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert config_file.read(str(tmp_path / "config.toml")).model == "scripted/tour"
        assert it.host.reloaded == 1


@pytest.mark.parametrize("web", [True, False])
async def test_a_page_says_that_it_has_no_environment_of_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web: bool
) -> None:
    monkeypatch.setattr(TuiApp, "is_web", web)
    async with screen(tmp_path, model="") as it:
        shown = await it.until("It needs a model.")
        assert ("tuiagent keys set openai" in shown) is web
        assert ("no OPENAI_API_KEY" in shown) is web


async def test_a_model_that_does_not_answer_is_not_kept(tmp_path: Path) -> None:
    async with screen(tmp_path, model="") as it:
        it.engine.reports["tested"] = lambda key: {"ok": False, "text": "nobody is there"}
        await it.until("no server of models was found")
        await it.press("end", "enter")
        await it.until("nobody is there")
        assert config_file.read(str(tmp_path / "config.toml")).model == ""
        assert len(it.app.screen_stack) == 2, "another can be chosen"


@pytest.mark.parametrize("kind", KINDS)
async def test_another_model_answers(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, [say("one")], kind=kind) as it:
        await it.type("go\n")
        await it.until("one")
        await it.app.run_action("models")
        await it.until("scripted/tour")
        await it.type("tour")
        await it.press("enter")
        await it.until(lambda: it.app.desk.conversation.status.model == "scripted/tour")  # type: ignore[union-attr]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
async def test_models_without_a_key_come_last_and_say_so(
    tmp_path: Path, kind: str, size: str
) -> None:
    async with screen(tmp_path, [say("one")], SIZES[size], kind) as it:
        await it.app.run_action("models")
        shown = await it.until("anthropic/y")
        lines = [line for line in shown.splitlines() if "/" in line]
        assert [line.split()[0] for line in lines] == ["openai/x", "scripted/tour", "anthropic/y"]
        assert [line.endswith("no key") for line in lines] == [False, False, True]
        await it.press("down", "down")
        assert "no key of anthropic: /keys takes one" in it.shown
        await it.press("up")
        assert "no key of" not in it.shown
        await it.type("y")
        await it.until("no key of anthropic")


async def test_the_model_that_answers_is_at_hand(tmp_path: Path) -> None:
    async with screen(tmp_path, model="scripted/tour") as it:
        await it.app.run_action("models")
        await it.until("● scripted/tour")
        assert it.app.screen.query_one(Models).at == 1
        await it.type("open")
        await it.until(lambda: it.app.screen.query_one(Models).chosen.name == "openai/x")  # type: ignore[union-attr]


async def test_what_the_setting_at_hand_means_is_said_in_full(tmp_path: Path) -> None:
    async with screen(tmp_path, size=SIZES["small"]) as it:
        await it.app.run_action("settings")
        await it.until("retention_days")
        await it.press("down")
        await it.until("models, as PROVIDER/MODEL, that take over when one does not answer")


async def test_a_key_is_typed_once_and_never_shown(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.app.run_action("keys")
        await it.until("openai")
        await it.press("enter")
        await it.until("The key of openai")
        await it.type("sk-canary")
        assert "canary" not in it.shown
        await it.press("enter")
        await it.until("is in the keyring")
        assert it.host.keys.held == {"openai": "sk-canary"}
        assert "canary" not in it.shown
        await it.press("d")
        await it.until("is forgotten")
        assert it.host.keys.held == {}


async def test_without_a_keyring_a_passphrase_keeps_it(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        it.host.keys.passphrase = ""
        await it.app.run_action("keys")
        await it.until("openai")
        await it.press("enter")
        await it.until("The key of openai")
        await it.type("sk-canary")
        await it.press("enter")
        await it.until("No keyring here")
        await it.type("open")
        await it.press("enter")
        await it.until("is in the encrypted file")
        assert (it.host.keys.held, it.host.keys.passphrase) == ({"openai": "sk-canary"}, "open")
        for typed, answer in (("wrong", "another passphrase"), ("open", "unlocked: openai")):
            await it.press("u")
            await it.until("The encrypted file")
            await it.type(typed)
            await it.press("enter")
            await it.until(answer)
        assert "canary" not in it.shown


@pytest.mark.parametrize("name", sorted(themes.files("")))
def test_what_a_theme_says_can_be_read(name: str) -> None:
    """By WCAG 2's contrast: 4.5 for words, 7 where a theme is made for that."""
    theme = themes.read(themes.files("")[name])
    if theme.ansi:
        pytest.skip("the terminal's own colours are not known")
    least = 7.0 if name.startswith("contrast") else 4.5
    grounds = [theme.background, theme.surface]
    words = [theme.foreground, theme.accent, theme.warning, theme.error, theme.success]
    for ground in grounds:
        for word in words:
            assert ground
            assert word
            assert contrast(Color.parse(ground), Color.parse(word)) >= least, (ground, word)


def contrast(one: Color, other: Color) -> float:
    """Of two colours, from 1 to 21; https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("kind", KINDS)
async def test_runs_are_listed_and_cancelled(tmp_path: Path, kind: str) -> None:
    command = "touch began; until [ -e go ]; do sleep 0.02; done"
    turns = [call("shell", command=command), say("done")]
    async with screen(tmp_path, turns, kind=kind, mode="auto") as it:
        await it.type("wait for it\n")
        await it.until((it.work / "began").exists)
        await it.app.run_action("runs")
        await it.until("● wait for it")
        await it.press("c")
        await it.until("◼ wait for it")
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)


async def test_what_runs_in_the_background_is_listed_and_ended(tmp_path: Path) -> None:
    turns = [call("shell", command="sleep 600", wait=0.05), say("it runs"), say("over")]
    async with screen(tmp_path, turns, mode="auto") as it:
        await it.type("go\n")
        await it.until("it runs")
        await it.until("1 in the background")
        await it.app.run_action("jobs")
        await it.until("sleep 600")
        await it.press("x")
        await it.until("Nothing runs in the background.")


async def test_what_is_to_be_done_is_pinned_until_it_is_done(tmp_path: Path) -> None:
    first = [{"text": "look", "state": "done"}, {"text": "mend it", "state": "doing"}]
    then = [{"text": "look", "state": "done"}, {"text": "mend it", "state": "done"}]
    turns = [call("todo", items=first), say("More to do."), call("todo", items=then), say("Done.")]
    async with screen(tmp_path, turns, mode="auto") as it:
        await it.type("go\n")
        await it.until("● mend it")
        await it.until("More to do.")
        todo = it.app.query_one("TodoList")
        assert todo.display
        await it.pilot.click("TodoList")
        await it.until("1/2 done")
        await it.type("on\n")
        await it.until("Done.")
        await it.until(lambda: not todo.display)


@pytest.mark.parametrize(
    ("text", "aloud"),
    [
        ("[tui]\nscreen_reader = true\n", True),
        ("[tui]\nscreen_reader = false\n", False),
        (None, False),
    ],
)
def test_who_has_it_read_aloud_gets_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, aloud: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if text is not None:
        (tmp_path / "tuiagent").mkdir()
        (tmp_path / "tuiagent" / "config.toml").write_text(text)
    assert paint.read_aloud() is aloud


def test_every_command_has_what_it_opens() -> None:
    for name in re.findall(r'_action\("(\w+)"\)', Path(commands.__file__).read_text()):
        assert hasattr(TuiApp, f"action_{name}")


async def test_drafts_that_nobody_came_back_to_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "drafts"
    folder.mkdir(parents=True)
    for name, age in (("old", 400 * 86400), ("new", 60)):
        (folder / name).write_text("{}")
        os.utime(folder / name, (time.time() - age,) * 2)
    async with screen(tmp_path) as it:
        await it.until(lambda: not (folder / "old").exists())
        assert (folder / "new").exists()


def test_the_accent_of_the_settings_is_worn(tmp_path: Path) -> None:
    theme = themes.read(themes.files(str(tmp_path))["forest"])
    assert themes.colored(theme, "").accent == theme.accent
    assert themes.colored(theme, "cyan").accent == "cyan"
    with pytest.raises(ConfigError, match=r"config.toml: theme_color: 'plaid' is no colour"):
        themes.colored(theme, "plaid")
