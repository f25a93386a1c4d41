"""Sharp pictures: what is asked of a terminal, what its answers mean, and the bytes it is sent."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo
from rich.cells import cell_len

from tests.flows.test_cli import SAY, Cli
from tests.house import say
from tests.screens.kit import Screen, screen
from tests.screens.terminal import terminal
from tests.screens.test_images import colours, striped
from tests.screens.test_prompt import editor
from tuiagent import apart
from tuiagent.clients.clean import clean
from tuiagent.clients.tui import graphics
from tuiagent.clients.tui.graphics import FIRST, PLACEHOLDER, QUESTION, Graphics
from tuiagent.clients.tui.transcript.pictures import HALF
from tuiagent.config_file import ScreenTable

OK, KITTY = "\x1b_Gi=31;OK\x1b\\", "\x1bP>|kitty(0.42.1)\x1b\\"
PNG = striped(20, 20)


class Terminal:
    """What was written to one."""

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        self.got: list[str] = []
        self.slow = False
        self.able = 0
        self.graphics = Graphics(self.got.append, environ or {}, lambda: self.slow)

    async def asked(self, *answers: str) -> str:
        """It answers so; what of that is taken for typed."""

        def can() -> None:
            self.able += 1

        await self.graphics.ask(can)
        return "".join(map(self.graphics.heard, answers))


async def test_a_terminal_that_says_so_is_sent_a_picture_once() -> None:
    it = Terminal()
    assert it.graphics.send(PNG, 8, 4) == 0, "nothing before it was asked"
    assert await it.asked(OK + KITTY) == ""
    assert (it.got, it.able) == ([QUESTION], 1)
    assert it.graphics.send(PNG, 8, 4) == FIRST
    data = base64.b64encode(PNG).decode()
    head = f"a=T,U=1,f=100,t=d,q=2,i={FIRST},c=8,r=4,"
    assert it.got[1:] == [f"\x1b_G{head}m=0;{data}\x1b\\"]
    it.graphics.forget()
    assert it.got[2:] == [f"\x1b_Ga=d,d=I,q=2,i={FIRST}\x1b\\"]


async def test_a_long_picture_is_sent_in_pieces_but_in_one_go() -> None:
    it = Terminal()
    await it.asked(OK, KITTY)
    png = PNG + bytes(range(256)) * 40
    it.graphics.send(png, 8, 4)
    (written,) = it.got[1:]
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", written)
    assert [head.rpartition("m=")[2] for head, _ in pieces] == ["1", "1", "1", "0"]
    assert all(len(data) <= 4096 for _, data in pieces)
    assert base64.b64decode("".join(data for _, data in pieces)) == png
    assert re.sub(r"\x1b_G[^;]*;[A-Za-z0-9+/=]*\x1b\\", "", written) == ""


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (OK,),
        (KITTY,),
        (OK, "\x1bP>|WezTerm 20240203\x1b\\"),
        (OK, "\x1bP>|kitty(0.26.5)\x1b\\"),
        ("\x1b_Gi=31;ENOTSUPPORTED\x1b\\", KITTY),
        ("\x1b_Gi=7;OK\x1b\\", KITTY),
    ],
)
async def test_half_an_answer_is_none(answers: tuple[str, ...]) -> None:
    it = Terminal()
    assert await it.asked(*answers) == ""
    assert it.able == 0
    assert it.graphics.send(PNG, 8, 4) == 0


async def test_answers_in_pieces_are_not_taken_for_typed_and_what_is_typed_is_kept() -> None:
    it = Terminal()
    pieces = ("a\x1b_Gi=3", "1;O", "K\x1b", "\\b", "\x1bP>|ghost", "ty 1.2\x1b\\c", "\x1b", "d")
    assert await it.asked(*pieces) == "abc\x1bd"
    assert it.able == 1


async def test_an_answer_that_comes_too_late_is_dropped_and_counts_no_more() -> None:
    it = Terminal()
    await it.asked()
    it.graphics._close()
    assert it.graphics.heard(f"x{OK}{KITTY}y") == "xy"
    assert it.able == 0


@pytest.mark.parametrize("said", ["1 256,RGB,title kitty(0.42)", "2 RGB ghostty 1.2"])
async def test_through_tmux_where_it_passes_pictures_on(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = Terminal({"TMUX": "/tmp/tmux/default,1,0"})
    monkeypatch.setattr(graphics, "_tmux", lambda: _said(said))
    await it.asked()
    assert (it.got, it.able) == ([], 1)
    it.graphics.send(PNG, 8, 4)
    data = base64.b64encode(PNG).decode()
    inner = f"\x1b\x1b_Ga=T,U=1,f=100,t=d,q=2,i={FIRST},c=8,r=4,m=0;{data}\x1b\x1b\\"
    assert it.got == [f"\x1bPtmux;{inner}\x1b\\"]


@pytest.mark.parametrize(
    "said", ["", "0 RGB kitty(0.42)", "1 256 kitty(0.42)", "1 RGB xterm", "1 RGB kitty(0.9)"]
)
async def test_tmux_is_sent_nothing_where_it_does_not(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = Terminal({"TMUX": "/tmp/tmux/default,1,0"})
    monkeypatch.setattr(graphics, "_tmux", lambda: _said(said))
    await it.asked()
    assert (it.got, it.able, it.graphics.send(PNG, 8, 4)) == ([], 0, 0)


async def _said(text: str) -> str:
    return text


async def test_only_a_png_that_fits_is_sent_and_only_to_a_terminal_that_keeps_up() -> None:
    it = Terminal()
    await it.asked(OK, KITTY)
    assert it.graphics.send(b"\x1b]0;owned\x07", 8, 4) == 0
    assert it.graphics.send(PNG + bytes(graphics.LARGEST), 8, 4) == 0
    assert it.graphics.send(PNG, 65, 4) == 0
    it.slow = True
    assert it.graphics.send(PNG, 8, 4) == 0
    assert it.got == [QUESTION]


def test_the_cells_of_a_picture_are_as_wide_as_it_is_and_no_text_can_name_one() -> None:
    row = graphics.cells(1, 3)
    assert row == f"{PLACEHOLDER}\u030d\u0305{PLACEHOLDER}\u030d\u030d{PLACEHOLDER}\u030d\u030e"
    assert cell_len(row) == 3
    assert len(set(graphics.MARKS)) == graphics.SIDE == 64
    assert PLACEHOLDER not in clean(f"see {row}")


async def test_what_is_sent_is_made_anew_from_pixels_alone() -> None:
    made = Picture.open(io.BytesIO(striped(900, 300)))
    kept = io.BytesIO()
    words = PngInfo()
    words.add_text("comment", "\x1b]0;owned\x07")
    made.save(kept, "PNG", pnginfo=words)
    assert b"owned" in kept.getvalue()
    sent = await apart.read_apart("pixels", kept.getvalue(), "600")
    found = Picture.open(io.BytesIO(sent))
    assert (found.format, found.size) == ("PNG", (600, 200))
    assert b"owned" not in sent
    colour: Any = found.convert("RGBA").getpixel((10, 10))
    assert all(abs(is_ - was) < 4 for is_, was in zip(colour, (250, 10, 10, 255), strict=True))


async def looked_at(it: Screen) -> None:
    """A picture is said, and answered."""
    (it.work / "a.png").write_bytes(striped(640, 480))
    await it.type("look ")
    editor(it).take_paste("a.png")
    await it.press("enter")
    await it.until("I see it.")


def able(it: Screen) -> Terminal:
    """The screen's terminal can show pictures."""
    terminal = Terminal()
    terminal.graphics._knows = terminal.graphics._sure = True
    talk: Any = it.app.query_one("Talk")
    talk._graphics = terminal.graphics
    return terminal


async def test_a_picture_becomes_sharp_where_the_terminal_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    async with screen(tmp_path, [say("I see it.")]) as it:
        terminal = able(it)
        await looked_at(it)
        await it.until(graphics.cells(11, 32))
        assert HALF not in it.shown
        (sent,) = terminal.got
        assert f"i={FIRST},c=32,r=12," in sent
        talk = it.app.query_one("Talk")
        strips = talk.render_lines(talk.size.region)
        inks = {s.style.color.name for strip in strips for s in strip if PLACEHOLDER in s.text}  # type: ignore[union-attr]
        assert inks == {f"#{FIRST:06x}"}
        it.resize(40, 24)
        await it.settle()
        assert PLACEHOLDER in it.shown
    assert terminal.got[1:] == [f"\x1b_Ga=d,d=I,q=2,i={FIRST}\x1b\\"]


@pytest.mark.parametrize(("wish", "drawn"), [("blocks", True), ("none", False)])
async def test_pictures_are_blocks_or_a_line_where_that_is_wished(
    tmp_path: Path, wish: Any, drawn: bool
) -> None:
    wished = ScreenTable(images=wish)
    async with screen(tmp_path, [say("I see it.")], tui=wished) as it:
        await looked_at(it)
        await it.until("▣ a.png (PNG, 640×480")
        if drawn:
            await it.until(HALF * 32)
            assert colours(it) >= {"#fa0a0a", "#0a0afa"}
        else:
            await it.settle()
            assert HALF not in it.shown


@pytest.mark.parametrize("answer", [OK + KITTY, ""], ids=["kitty", "silent"])
def test_a_terminal_is_asked_with_the_first_picture_and_shows_it(
    tmp_path: Path, answer: str
) -> None:
    cli = Cli(tmp_path, SAY)
    cli.environ["COLORTERM"] = "truecolor"
    (tmp_path / "a.png").write_bytes(striped(640, 480))
    with terminal(cli, "--image", str(tmp_path / "a.png"), "look", size=(120, 30)) as it:
        it.until(QUESTION.encode())
        it.type(answer)
        if answer:
            it.until(f"\x1b_Ga=T,U=1,f=100,t=d,q=2,i={FIRST},c=32,r=12,m=0;".encode())
            red, green, blue = FIRST.to_bytes(3, "big")
            it.until(f"38;2;{red};{green};{blue}".encode())
            it.until(graphics.cells(11, 32).encode())
        else:
            it.until(HALF * 30)
        it.type("typed")
        shown = it.until("typed")
        assert "Gi=31" not in shown
        assert "kitty" not in shown
        it.type("\x11")
        assert it.end() == 0
        it.check()
        assert it.raw.count(f"\x1b_Ga=d,d=I,q=2,i={FIRST}\x1b\\".encode()) == bool(answer)
