"""config.toml: what it may say, in which layer, and what is said of a mistake."""

import os
import tomllib
from pathlib import Path

import msgspec
import pytest

from tuiagent import config, config_file
from tuiagent.clients.cli import settings as commands
from tuiagent.clients.cli.arguments import parse
from tuiagent.config import Flags, load, opening
from tuiagent.credentials import Credentials
from tuiagent.kernel.errors import ConfigError, NeedsError, ProviderError
from tuiagent.kernel.limits import TURNS
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.ports import Loan
from tuiagent.providers.models import find, offered
from tuiagent.providers.nearby import Server

OPENHEIM = """
default_provider = "openai"
max_iterations = 10
default_skills = ["review"]
work_dir = "/tmp"
allow_shell = true

[tui]
theme_color = "gray"

[providers.openai]
env_var = "OPENAI_API_KEY"
api_base = "https://api.openai.com/v1"
default_model = "gpt-4"
models = ["gpt-4", "gpt-4o"]
timeout_secs = 120

[providers.ollama]
api_base = "http://localhost:11434/v1"
default_model = "llama2"
api_key = ""
max_tokens = 4096

[mcp_servers.files]
command = "npx"
args = ["-y", "server"]
env = { A = "b" }

[mcp_servers.far]
url = "https://example.test/mcp"
"""

KEY = {"XAI_API_KEY": "canary"}
NAMED = {"TUIAGENT_MODEL": "c/d", "TUIAGENT_MODE": "plan", "TUIAGENT_HOME": "/b"}
USUAL = 'default_provider = "p"\n[providers.p]\ndefault_model = "m"\n'


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def user(home: dict[str, str], text: str) -> None:
    path = Path(config.paths(home, ".")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def project(folder: Path, text: str) -> Flags:
    (folder / ".tuiagent").mkdir(parents=True)
    (folder / ".tuiagent/config.toml").write_text(text)
    return Flags(str(folder))


def test_the_example_file_of_openheim_is_valid(home: dict[str, str]) -> None:
    user(home, OPENHEIM)
    found = load({**home, "OPENAI_API_KEY": "k"})
    assert (found.model, found.limits.turns) == ("openai/gpt-4", 10)
    opened = opening(found, ".", {**home, "OPENAI_API_KEY": "k"})
    assert opened.endpoints["ollama"] == "http://localhost:11434/v1"
    assert opened.credentials == {"openai": "env:OPENAI_API_KEY"}
    assert (found.without_effect, found.work_dir) == ((), "/tmp")
    user(home, '[memory]\nembedding_provider = "x"\n')
    assert load(home).without_effect == ("memory",)


async def test_the_models_of_a_server_are_its_only_ones(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    user(home, OPENHEIM)
    environ = {**home, "OPENAI_API_KEY": "k"}
    found = load(environ)
    means = LocalMeans(found, environ, Standing(), ())
    opened = opening(found, ".", environ)
    for model in ("openai/gpt-4", "openai/gpt-4o", "ollama/anything"):
        assert means.provider(model, opened)
    with pytest.raises(ProviderError, match=r"not among the models .* did you mean gpt-4o?\?"):
        means.provider("openai/gpt-4p", opened)
    with pytest.raises(ProviderError, match="there are: gpt-4, gpt-4o"):
        means.provider("openai/zzz", opened)
    assert "not among the models" in means.needs("openai/zzz", opened)
    server = Server("openai", "http://127.0.0.1:1/v1", ("other",))

    async def nearby() -> list[Server]:
        return [server, msgspec.structs.replace(server, name="vllm")]

    monkeypatch.setattr("tuiagent.providers.nearby.nearby", nearby)
    offered = [str(row["name"]) for row in await means.offers(opened)]
    assert [n for n in offered if n.startswith("openai/")] == ["openai/gpt-4", "openai/gpt-4o"]
    assert "vllm/other" in offered
    assert any(name.startswith("anthropic/") for name in offered)


async def test_the_models_that_can_be_asked_now_come_first(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nearby() -> list[Server]:
        return [Server("vllm", "http://127.0.0.1:1/v1", ("near",))]

    monkeypatch.setattr("tuiagent.providers.nearby.nearby", nearby)
    user(home, '[providers.own]\napi_base = "http://127.0.0.1:1/v1"\ndefault_model = "m"\n')
    (Path(home["HOME"]) / ".config/tuiagent/keys.toml").write_text('xai = "keyring"\n')
    environ = {**home, "ANTHROPIC_API_KEY": "canary"}
    found = load(environ)
    rows = await LocalMeans(found, environ, Standing(), ()).offers(opening(found, ".", environ))
    names = [row["name"] for row in rows if row["keyed"]]
    usual = ["anthropic/claude-sonnet-5-5", "xai/grok-4.7"]
    assert names[:4] == ["own/m", "vllm/near", *usual]
    assert {name.partition("/")[0] for name in names} == {"own", "vllm", "anthropic", "xai"}
    assert [row["name"] for row in rows[: len(names)]] == names
    assert rows[len(names)]["name"] == "openai/gpt-5.5", "the most usual of those without a key"
    assert "canary" not in str(rows)


def test_models_are_offered_as_their_makers_write_them_the_newest_first() -> None:
    names = [one.name for one in offered()]
    assert names.index("openai/gpt-6.1-sol") < names.index("openai/gpt-5.5")
    assert names.index("openai/gpt-4") < names.index("openai/gpt-3.5-turbo")
    assert names.index("anthropic/claude-haiku-4-5") < names.index("anthropic/claude-2")
    assert not {"anthropic/claude-4.5-haiku", "openai/gpt-5-5", "openai/gpt-5-5-codex"} & {*names}
    assert find("openai/gpt-5-5") is not None, "it has a price all the same"


@pytest.mark.parametrize(
    ("environ", "kept", "name", "has"),
    [
        ({}, "", "anthropic", False),
        ({"ANTHROPIC_API_KEY": "k"}, "", "anthropic", True),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, "", "anthropic", True),
        ({}, 'anthropic = "keyring"', "anthropic", True),
        ({}, "", "ollama", True),
        ({}, "", "own", True),
        ({}, "", "other", False),
        ({"OTHER": "k"}, "", "other", True),
    ],
)
def test_who_has_a_key_is_known_without_unlocking_one(
    home: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    kept: str,
    name: str,
    has: bool,
) -> None:
    monkeypatch.setattr("tuiagent.credentials.Credentials._fetch", None)
    user(home, '[providers.own]\napi_key = "k"\n[providers.other]\nenv_var = "OTHER"\n')
    (Path(home["HOME"]) / ".config/tuiagent/keys.toml").write_text(kept)
    environ = home | environ
    found = load(environ)
    means = LocalMeans(found, environ, Standing(), ())
    assert means.credentials.has(name, opening(found, ".", environ)) is has


@pytest.mark.parametrize(
    ("text", "environ", "flags", "key", "said"),
    [
        ("", {}, Flags(), "model", ("", "default")),
        ("", KEY, Flags(), "model", ("xai/grok-4.7", "environment: XAI_API_KEY")),
        ('model = "a/b"', KEY, Flags(), "model", ("a/b", "file")),
        ('model = "a/b"', NAMED, Flags(), "model", ("c/d", "environment: TUIAGENT_MODEL")),
        ('model = "a/b"', NAMED, Flags(model="e/f"), "model", ("e/f", "flag")),
        (USUAL, KEY, Flags(), "model", ("p/m", "file: default_provider")),
        ("", {}, Flags(), "mode", ("ask", "default")),
        ("", NAMED, Flags(), "mode", ("plan", "environment: TUIAGENT_MODE")),
        ('effort = "low"', {}, Flags(effort="high"), "effort", ("high", "flag")),
        ("", {}, Flags(), "max_iterations", (TURNS, "default")),
        ("max_iterations = 7", {}, Flags(), "max_iterations", (7, "file")),
        ("max_cost = 1.5", {}, Flags(cost=2.0), "max_cost", (2.0, "flag")),
        ('data_dir = "/a"', {}, Flags(), "data_dir", ("/a", "file")),
        ('data_dir = "/a"', NAMED, Flags(), "data_dir", ("/b", "environment: TUIAGENT_HOME")),
        ('allow = ["a"]', {}, Flags(allow=("b", "a")), "allow", (("a", "b"), "file, flag")),
    ],
)
def test_what_holds_is_known_with_what_decides_it(
    home: dict[str, str],
    text: str,
    environ: dict[str, str],
    flags: Flags,
    key: str,
    said: tuple[object, str],
) -> None:
    user(home, text)
    found = load(home | environ, flags)
    assert found.said[key] == said
    held = (
        found.model,
        found.mode,
        found.effort,
        found.limits.turns,
        found.limits.cost,
        found.root,
    )
    assert key == "allow" or said[0] in held
    assert "canary" not in str(found.said)


def test_what_the_project_says_is_told_as_its_own(home: dict[str, str], tmp_path: Path) -> None:
    user(home, 'deny = ["write"]\n')
    flags = project(tmp_path / "p", 'deny = ["shell"]\nmodel = "a/b"\n')
    found = load(home, flags)
    assert found.said["deny"] == (("write", "shell"), "file, project")
    assert found.said["model"] == ("", "default"), "it may not say that"


def test_what_the_screen_is_to_be_is_read(home: dict[str, str]) -> None:
    user(home, '[tui]\nvim = true\nnotify = false\n[tui.keys]\n"prompt.send" = "ctrl+s"\n')
    found = load(home)
    assert found.tui is not None
    assert (found.tui.vim, found.tui.notify) == (True, False)
    assert found.tui.keys == {"prompt.send": "ctrl+s"}
    assert found.without_effect == ()
    user(home, "[tui.keys]\nprompt.send = 'f9'\nedit.cursor_left.select = 'f10'\nquit = 'f11'\n")
    found = load(home)
    assert found.tui is not None
    assert found.tui.keys == {"prompt.send": "f9", "edit.cursor_left.select": "f10", "quit": "f11"}
    user(home, "[tui]\nvmi = true\n")
    with pytest.raises(ConfigError, match="did you mean 'vim'"):
        load(home)


def test_a_server_of_the_file_is_a_provider_with_its_key(home: dict[str, str]) -> None:
    user(home, '[providers.x]\napi_base = "http://127.0.0.1:9/v1"\napi_key = "canary"\n')
    found = load(home)
    means = LocalMeans(found, home, Standing(), ())
    assert means.provider("x/m", opening(found, ".", home))
    with pytest.raises(ProviderError, match=r"api_base in \[providers.y\]"):
        means.provider("y/m", opening(found, ".", home))
    with pytest.raises(ProviderError, match="needs key"):
        LocalMeans(load({"HOME": "/nowhere"}), {}, Standing(), ()).provider(
            "x/m", opening(found, ".", home)
        )


def test_a_key_is_for_the_address_that_was_said_with_it(home: dict[str, str]) -> None:
    here = {**home, "OPENAI_API_KEY": "k-here", "OPENAI_BASE_URL": "http://here/v1"}
    found = load(here)
    keys = Credentials(lambda: found, here)
    opened = opening(found, ".", here)
    there = msgspec.structs.replace(opened, endpoints={"openai": "http://there/v1"})
    usual = msgspec.structs.replace(opened, endpoints={})
    where = "env:OPENAI_API_KEY"
    assert keys.find("openai", opened) == "k-here"
    assert keys.loans(opened) == [Loan(opened.folder, where, "k-here", "http://here/v1")]
    keys.lend(Loan(opened.folder, where, "k-other", "http://other/v1"))
    for other, place in ((there, "http://there/v1"), (usual, "https://api.openai.com/v1")):
        with pytest.raises(NeedsError, match=f"OPENAI_API_KEY for {place}: .* another address"):
            keys.find("openai", other)
        assert keys.loans(other) == []
    keys.lend(Loan(opened.folder, where, "k-there", "http://there/v1"))
    assert keys.find("openai", there) == "k-there"
    assert keys.find("openai", opened) == "k-here"


def test_a_key_in_the_file_is_never_recorded(home: dict[str, str]) -> None:
    user(home, '[providers.x]\napi_base = "http://h/v1"\napi_key = "canary"\n')
    opened = opening(load(home), ".", home)
    assert opened.credentials == {"x": "config:x", "openai": "env:OPENAI_API_KEY"}
    assert b"canary" not in msgspec.json.encode(opened)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('modle = "x"', "did you mean 'mode'"),
        ('[providers.openai]\napi_bas = "x"', "did you mean 'api_base'"),
        ('[[rules]]\naction = "allow"\ntool = "x"\npatern = "y"', "did you mean 'pattern'"),
        ("model = 3", "Expected 'str'"),
        ('model = "x', "config.toml cannot be read"),
        ('default_provider = "x"', r"no \[providers.x\]"),
        ('allow = ["shell("]', "cannot be read"),
        ('mode = "yolo"', "unknown mode"),
    ],
)
def test_mistakes_are_named(home: dict[str, str], text: str, words: str) -> None:
    user(home, text)
    with pytest.raises(ConfigError, match=words):
        load(home)


def test_flags_beat_the_environment_beats_the_file(home: dict[str, str]) -> None:
    user(home, 'model = "a/file"\nmode = "plan"')
    assert (load(home).model, load(home).mode) == ("a/file", "plan")
    environ = {**home, "TUIAGENT_MODEL": "a/env", "TUIAGENT_MODE": "ask"}
    assert (load(environ).model, load(environ).mode) == ("a/env", "ask")
    flags = Flags(model="a/flag", mode="locked")
    assert (load(environ, flags).model, load(environ, flags).mode) == ("a/flag", "locked")


def test_a_project_may_only_tighten(home: dict[str, str], tmp_path: Path) -> None:
    text = (
        'model = "evil/x"\nmode = "auto"\nallow = ["shell"]\ndeny = ["shell(rm *)"]\n'
        '[[rules]]\naction = "allow"\ntool = "shell"\n[providers.openai]\napi_base = "http://evil"'
    )
    flags = project(tmp_path / "repo", text)
    found = load(home, flags)
    assert (found.model, found.mode, found.providers) == ("", "ask", {})
    assert [str(rule) for rule in found.rules if rule.source == "project"] == ["shell(rm *)"]
    assert all(rule.action != "allow" for rule in found.rules)
    assert set(found.ignored) >= {"model", "mode", "allow", "providers", "rules that allow"}


def test_a_projects_file_that_is_no_file_is_not_waited_for(
    home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "repo/.tuiagent").mkdir(parents=True)
    os.mkfifo(tmp_path / "repo/.tuiagent/config.toml")
    with pytest.raises(ConfigError, match="regular file"):
        load(home, Flags(str(tmp_path / "repo")))


def test_our_own_folders_are_refused_to_every_tool(home: dict[str, str]) -> None:
    found = load(home)
    house = [str(rule) for rule in found.rules if rule.source == "house"]
    assert house == [f"*({found.root}/**)", f"*({found.home}/**)"]


def test_set_keeps_comments_and_refuses_what_is_wrong(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", home["HOME"])
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert commands.init(parse(["init"])) == 0
    assert commands.init(parse(["init"])) == 1
    path = Path(config.paths(home, ".")[0])
    before = path.read_text()
    assert tomllib.loads(before) == {}
    for key, value in (
        ("modle", "x"),
        ("model", "local"),  # with any of these no start would come further than its message
        ("fallback", '["a/b", "c"]'),
        ("mode", "bold"),
        ("allow", '["shell(("]'),
    ):
        with pytest.raises(ConfigError):
            commands.run(parse(["config", "set", key, value]))
        assert path.read_text() == before
    for key, value in (("model", "a/b"), ("providers.local.api_base", "http://h/v1")):
        commands.run(parse(["config", "set", key, value]))
    assert path.read_text().startswith(before.splitlines()[0])
    assert path.stat().st_mode & 0o077 == 0
    capfd.readouterr()
    commands.run(parse(["config", "get", "providers.local.api_base"]))
    assert capfd.readouterr().out == "http://h/v1\n"
    commands.run(parse(["config", "schema"]))
    assert msgspec.json.decode(capfd.readouterr().out)["$defs"]["ConfigFile"]


def test_every_key_of_the_schema_has_its_meaning() -> None:
    for name in ("ConfigFile", "ProviderTable", "RuleTable", "ServerTable", "ScreenTable"):
        for key, part in config_file.schema()["$defs"][name]["properties"].items():
            assert part.get("description"), (name, key)


def test_without_a_home_folder_nothing_is_kept_in_whatever_folder_we_are_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user without a name
    for environ in ({}, {"TUIAGENT_HOME": "/state"}, {"XDG_CONFIG_HOME": "/config"}):
        with pytest.raises(ConfigError, match="set HOME"):
            load(environ, Flags())
    found = load({"TUIAGENT_HOME": "/state", "XDG_CONFIG_HOME": "/config"}, Flags())
    assert (found.root, found.home) == ("/state", "/config/tuiagent")
