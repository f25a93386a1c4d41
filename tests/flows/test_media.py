"""Images and documents from a prompt to the model, through the journal and out of it again."""

from pathlib import Path

import pytest

from tests.house import STREAM, Fakes, engine, facts, opened, say, until
from tests.pictures import pdf, png
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.media import File, digest
from tuiagent.kernel.message import Text
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import PromptSubmitted, SubmitPrompt

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
