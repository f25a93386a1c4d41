"""Images on their way into a prompt, and what becomes of them there and back."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from PIL import Image as Picture
from textual import events

from tests.house import call, say
from tests.pictures import pdf, png
from tests.screens.kit import Screen, screen
from tests.screens.test_prompt import editor
from tuiagent.clients.tui.prompt import clipboard
from tuiagent.clients.tui.prompt.chips import GAP
from tuiagent.clients.tui.prompt.prompt import Prompt
from tuiagent.clients.tui.transcript import Talk
from tuiagent.clients.tui.transcript.pictures import HALF
from tuiagent.engine.picture import picture
from tuiagent.kernel.media import digest


def names(it: Screen, turn: int = -1) -> list[str]:
    """What the model was shown with what was last said."""
    blocks = it.means.prompts[turn].messages[-1].blocks
    return [getattr(block, "name", "") for block in blocks[1:]]


@pytest.mark.parametrize("body", [png(40, 30), pdf("The plan")], ids=["png", "pdf"])
async def test_a_pasted_path_is_shown_to_the_model(tmp_path: Path, body: bytes) -> None:
    async with screen(tmp_path, [say("I see it.")]) as it:
        path = it.work / "shot.pdf"
        path.write_bytes(body)
        await it.type("look ")
        editor(it).take_paste(str(path))
        await it.press("enter")
        await it.until("I see it.")
        assert names(it) == ["shot.pdf"]
        assert it.means.prompts[0].files == {digest(body): body}


async def test_an_image_that_no_model_takes_is_refused_and_stays_in_the_prompt(
    tmp_path: Path,
) -> None:
    async with screen(tmp_path, [say("So.")]) as it:
        (it.work / "bad.png").write_bytes(png()[:-4])
        await it.type("look ")
        editor(it).take_paste("bad.png")
        typed = editor(it).text
        await it.press("enter")
        await it.until(lambda: "damaged or was cut off" in it.told)
        await it.until(lambda: editor(it).text == typed)
        assert it.means.prompts == []
        (it.work / "bad.png").write_bytes(png())
        await it.press("enter")
        await it.until("So.")
        assert names(it) == ["bad.png"]


def fake_tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: bytes) -> None:
    """A clipboard with this in it."""
    (folder / "clip").write_bytes(body)
    tool = folder / "bin" / name
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f'#!/bin/sh\necho "$*" >{folder}/asked\nexec cat {folder}/clip\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("WAYLAND_DISPLAY" if name == "wl-paste" else "DISPLAY", "x")


@pytest.mark.parametrize("how", ["key", "empty paste"])
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has tools of its own")
async def test_an_image_in_the_clipboard_becomes_a_chip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    body = png(40, 30)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    fake_tool(tmp_path, monkeypatch, "wl-paste", body)
    async with screen(tmp_path, [say("I see it.")]) as it:
        if how == "key":
            await it.press("ctrl+v")
        else:
            editor(it).post_message(events.Paste(""))
        await it.until(lambda: f"[image{GAP}clipboard" in editor(it).text)
        assert "image/png" in (tmp_path / "asked").read_text()
        [file] = (tmp_path / "state/drafts").glob("*.png")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        await it.press("enter")
        await it.until("I see it.")
        assert list(it.means.prompts[0].files) == [digest(body)]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has tools of its own")
async def test_text_is_pasted_where_the_clipboard_has_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    fake_tool(tmp_path, monkeypatch, "xclip", b"Error: target image/png not available")
    async with screen(tmp_path) as it:
        it.app.copy_to_clipboard("words")
        await it.press("ctrl+v")
        await it.until(lambda: editor(it).text == "words")


async def test_what_the_tools_of_macos_write_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "hex"
    path.write_bytes("«data PNGf".encode() + png().hex().upper().encode() + "»\n".encode())
    assert await clipboard.image(("cat", str(path))) == png()
    assert await clipboard.image(("cat", str(tmp_path / "none"))) is None
    assert await clipboard.image(("no-such-program",)) is None
    tools = {"PATH": str(tmp_path / "bin"), "DISPLAY": ":0"}
    assert clipboard.reader(tools, "linux") is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/osascript").touch(0o755)
    assert clipboard.reader(tools, "darwin") == clipboard.MAC


async def test_images_stay_with_what_waits_to_be_said(tmp_path: Path) -> None:
    """Taken back into the editor, and said again after another prompt."""
    turns = [call("ask", question="Which?"), say("First."), say("Second."), say("Third.")]
    async with screen(tmp_path, turns) as it:
        (it.work / "a.png").write_bytes(png(40, 30))
        await it.type("go")
        await it.press("enter")
        await it.until("Which?")
        for text in ("one ", "two "):
            await it.type(text)
            editor(it).take_paste("a.png")
            await it.press("alt+q")
            await it.until(lambda: not editor(it).text)
        prompt = it.app.query_one(Prompt)
        await it.until(lambda: len(prompt.queue.queued) == 2)
        await it.press("alt+up")
        await it.until(lambda: prompt.queue.has_focus)
        await it.press("shift+up")
        await it.until(lambda: [one.text[:3] for one in prompt.queue.queued] == ["two", "one"])
        assert all(one.media for one in prompt.queue.queued)
        await it.press("e")
        await it.until(lambda: f"[image{GAP}a.png" in editor(it).text)
        assert [chip.kept is not None for chip in editor(it).shown] == [True]


def striped(width: int, height: int) -> bytes:
    """A red picture with a blue lower half."""
    made = Picture.new("RGB", (width, height), (250, 10, 10))
    made.paste((10, 10, 250), (0, height // 2, width, height))
    kept = io.BytesIO()
    made.save(kept, "PNG")
    return kept.getvalue()


def colours(it: Screen) -> set[str]:
    """The colours of the half blocks that are shown."""
    strips = [
        strip for widget in it.app.query(Talk) for strip in widget.render_lines(widget.size.region)
    ]
    cells = [segment for strip in strips for segment in strip if HALF in segment.text]
    styles = [segment.style for segment in cells if segment.style is not None]
    return {style.color.name for style in styles if style.color is not None}


async def test_a_picture_is_drawn_where_it_was_said_and_where_it_was_read(tmp_path: Path) -> None:
    turns = [call("read", path="b.png"), say("I see it.")]
    async with screen(tmp_path, turns) as it:
        (it.work / "a.png").write_bytes(striped(640, 480))
        (it.work / "b.png").write_bytes(striped(64, 480))
        await it.type("look ")
        editor(it).take_paste("a.png")
        await it.press("enter")
        await it.until("I see it.")
        await it.until("▣ a.png (PNG, 640×480")
        await it.until("▣ b.png (PNG, 64×480")
        await it.until(lambda: it.shown.count(HALF * 32) >= 12)
        assert colours(it) >= {"#fa0a0a", "#0a0afa"}


async def test_only_what_a_session_keeps_is_drawn_for_it(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("So.")]) as it:
        (it.work / "a.png").write_bytes(striped(8, 8))
        await it.type("look ")
        editor(it).take_paste("a.png")
        await it.press("enter")
        await it.until("So.")
        stream = it.app.desk.conversation.stream  # type: ignore[union-attr]
        for session, blob, drawn in (
            (stream, digest(striped(8, 8)), True),
            ("session/other", digest(striped(8, 8)), False),
            (stream, "ab" * 32, False),
        ):
            key = json.dumps({"session": session, "blob": blob})
            assert (await picture(it.engine.journal, key) is not None) == drawn


async def test_a_document_is_a_line(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("So.")]) as it:
        (it.work / "a.pdf").write_bytes(pdf("x"))
        await it.type("look ")
        editor(it).take_paste("a.pdf")
        await it.press("enter")
        await it.until("▣ a.pdf (PDF, 1 KiB)")
