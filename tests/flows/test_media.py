"""Images and documents from a prompt to the model, through the journal and out of it again."""

from pathlib import Path

import pytest

from tests.flows.test_cli import PROMPT, Cli
from tests.house import STREAM, Fakes, engine, facts, opened, say, until
from tests.pictures import pdf, png
from tuiagent.config import load
from tuiagent.config_file import PROJECT
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.media import File, digest
from tuiagent.kernel.message import Image, Text
from tuiagent.kernel.run import AttemptFailed, RunFinished
from tuiagent.kernel.session import PromptSubmitted, SubmitPrompt
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.providers.scripted import ScriptedError, Turn
from tuiagent.runtimes.local import LocalRuntime

FILES = (File("shot.png", png(40, 30)), File("plan.pdf", pdf("The plan")))


async def test_a_prompt_shows_images_and_the_journal_keeps_their_bytes_once(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [say("I see it."), say("Still.")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(SubmitPrompt(STREAM, "p1", "Look.", files=FILES))
        seen = await until(client, RunFinished)
        await client.submit(SubmitPrompt(STREAM, "p2", "And now?"))
        await until(client, RunFinished, count=2)
        for key, body in ((digest(file.data), file.data) for file in FILES):
            assert made.journal.store.blob(key) == body
            assert [prompt.files[key] for prompt in means.prompts] == [body, body]
        data = (await client.read("transcript", STREAM)).data
    [fact] = facts(seen, PromptSubmitted)
    assert [(one.name, one.blob) for one in fact.media] == [(f.name, digest(f.data)) for f in FILES]
    assert means.prompts[0].messages[0].blocks == (Text("Look."), *fact.media)
    [item] = [item for item in data if item["id"] == "p1"]
    assert [one["name"] for one in item["media"]] == ["shot.png", "plan.pdf"]


@pytest.mark.parametrize("shown", [frozenset(), frozenset({"image"})])
async def test_a_model_is_given_only_what_it_takes(tmp_path: Path, shown: frozenset[str]) -> None:
    means = Fakes(tmp_path, [say("So.")])
    means.shown = shown
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(SubmitPrompt(STREAM, "p1", "Look.", files=FILES))
        await until(client, RunFinished)
    [asked] = means.prompts
    assert set(asked.files) == ({digest(FILES[0].data)} if shown else set())
    assert ("images" if shown else "text alone") in asked.withheld


async def test_what_no_provider_takes_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [])
    bad = File("a.png", png()[:-5])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        with pytest.raises(Refused, match=r"a\.png is damaged"):
            await client.submit(SubmitPrompt(STREAM, "p1", "Look.", files=(FILES[0], bad)))
        assert made.journal.store.blob(digest(FILES[0].data)) is None


async def test_a_server_that_refuses_images_is_told_how_to_get_none(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [Turn(error=ScriptedError("bad_request", "no image_url here"))])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(SubmitPrompt(STREAM, "p1", "Look.", files=FILES))
        [failed] = facts(await until(client, RunFinished), AttemptFailed)
    assert "no image_url here (where it takes no images: takes = [] in [providers." in failed.error


# ---------------------------------------------------------------- from the command line


def test_an_image_goes_along_from_the_command_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "I see it."})
    (cli.work / "shot.png").write_bytes(png(40, 30))
    (cli.work / "plan.pdf").write_bytes(pdf("The plan"))
    flags = ("--image", "shot.png", "--image", str(cli.work / "plan.pdf"))
    assert cli.run(*PROMPT, *flags).stdout == "I see it.\n"
    told = cli.run("sessions", "export", cli.session()).stdout
    assert "*shown: shot.png (PNG, 40×30, 1 KiB)*" in told
    assert "*shown: plan.pdf (PDF, 1 KiB)*" in told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.png", "not a regular file"),
        (".", "not a regular file"),
        ("words.txt", "neither an image"),
        ("cut.png", "damaged or was cut off"),
    ],
)
def test_what_cannot_be_shown_is_a_mistake_of_the_call(
    tmp_path: Path, name: str, said: str
) -> None:
    cli = Cli(tmp_path, {"text": "no"})
    (cli.work / "words.txt").write_text("words")
    (cli.work / "cut.png").write_bytes(png()[:-3])
    done = cli.run(*PROMPT, "--image", name)
    assert done.returncode == 2
    assert said in done.stderr


async def test_what_was_kept_is_shown_again_by_its_hash(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [say("So."), say("Again.")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(SubmitPrompt(STREAM, "p1", "Look.", files=FILES))
        [fact] = facts(await until(client, RunFinished), PromptSubmitted)
        await client.submit(SubmitPrompt(STREAM, "p2", "Once more.", media=fact.media))
        await until(client, RunFinished, count=2)
        gone = (Image("image/png", "ab" * 32, "gone.png"),)
        with pytest.raises(Refused, match=r"gone\.png .* not kept any more"):
            await client.submit(SubmitPrompt(STREAM, "p3", "And this?", media=gone))
        again = facts(await until(client, PromptSubmitted, count=2), PromptSubmitted)[1]
    assert again.media == fact.media
    assert means.prompts[1].messages[-1].blocks[1:] == fact.media


# ---------------------------------------------------------------- what a person's settings say


def settings(tmp_path: Path, text: str) -> LocalMeans:
    environ = {"HOME": str(tmp_path), "BRAVE_API_KEY": "k"}
    (tmp_path / ".config/tuiagent").mkdir(parents=True)
    (tmp_path / ".config/tuiagent/config.toml").write_text(text)
    return LocalMeans(load(environ), environ, Standing(), ())


@pytest.mark.parametrize(
    ("engine", "host"),
    [
        ("searxng", "search.test:8080"),
        ("brave", "api.search.brave.com"),
        ("ddgs", "duckduckgo.com"),
    ],
)
async def test_the_web_is_searched_by_the_engine_that_was_chosen(
    tmp_path: Path, engine: str, host: str
) -> None:
    text = f'[web]\nsearch = "{engine}"\nsearxng_url = "http://search.test:8080"\n'
    means = settings(tmp_path, text)
    assert "web_search" in [spec.name for spec in means.tools()]
    tool = means.tool("web_search")
    assert tool is not None
    runtime = LocalRuntime(str(tmp_path), {}, str(tmp_path / "spools"))
    assert (await tool.claims({"query": "x"}, runtime)).hosts == (host,)


def test_without_an_engine_there_is_no_search_and_a_project_chooses_none(tmp_path: Path) -> None:
    means = settings(tmp_path, "[web]\nprivate = ['wiki.test']\n")
    assert means.tool("web_search") is None
    assert {"fetch", "notebook"} <= {spec.name for spec in means.tools()}
    assert "web" not in PROJECT


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("openai/gpt-5.5", {"image", "document"}),
        ("openai/gpt-4o-mini", {"image", "document"}),
        ("openai/o1-mini", set()),
        ("openai/gpt-3.5-turbo", set()),
        ("anthropic/claude-opus-4-5", {"image", "document"}),
        ("anthropic/claude-3-haiku", {"image"}),
        ("google/gemini-3-pro", {"image", "document"}),
        ("deepseek/deepseek-chat", set()),
        ("mistral/pixtral-large-latest", {"image"}),
        ("ollama/llava", {"image"}),
        ("ollama/qwen2.5-vl:7b", {"image"}),
        ("mine/model", {"document"}),
    ],
)
def test_what_a_model_takes_is_known_or_said(tmp_path: Path, model: str, takes: set[str]) -> None:
    means = settings(tmp_path, '[providers.mine]\ntakes = ["document"]\n')
    assert means.takes(model) == takes
