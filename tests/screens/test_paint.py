"""The first frame: when it is drawn, from what, and what it shows of the keys."""

import os
import stat
from pathlib import Path

import pyte
import pytest

from tests.flows.test_cli import SAY, Cli
from tests.screens.terminal import TAKEN, terminal
from tests.test_imports import loaded
from tuiagent.clients.cli.arguments import main, prompted
from tuiagent.clients.tui.paint import FLAGS, Echo, Shape, place, read, standard, wanted

BOX = (1, 21, 78)


def typed(keys: str) -> Echo:
    echo = Echo()
    for char in keys:
        echo.take(char)
    return echo


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("argv", "is_wanted"),
    [
        ([], True),
        (["--continue"], True),
        (["--model", "a/b", "--mode=plan", "say this"], True),
        (["what is this?"], True),
        (["status"], False),
        (["word"], False),
        (["-p", "x"], False),
        (["--plain"], False),
        (["--detach", "x y"], False),
        (["--output", "json"], False),
        (["--help"], False),
        (["-V"], False),
    ],
)
def test_it_is_drawn_only_where_the_screen_is_wanted_for_certain(
    argv: list[str], is_wanted: bool
) -> None:
    assert wanted(argv) == is_wanted


def test_what_it_goes_by_are_flags_of_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {option for action in main()._actions for option in action.option_strings}
    assert set(FLAGS) <= known
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("tuiagent.clients.cli.arguments.able", lambda: True)
    for flag in FLAGS:
        (action,) = [one for one in main()._actions if flag in one.option_strings]
        value = [] if action.nargs == 0 else [next(iter(action.choices or ["1"]))]
        assert prompted([flag, *value, "say it"]).command == "tui", flag


def test_next_to_nothing_is_loaded_before_it() -> None:
    more = loaded("import tuiagent.__main__, tuiagent.thin, tuiagent.clients.tui.paint")
    more -= loaded("import errno, gc, os, termios, select")
    ours = {name for name in more if name.startswith("tuiagent")}
    assert more - ours <= {"_socket"}
    assert ours == {
        "tuiagent",
        "tuiagent.__main__",
        "tuiagent.clients",
        "tuiagent.clients.terminal",
        "tuiagent.clients.tui",
        "tuiagent.clients.tui.paint",
        "tuiagent.clients.window",
        "tuiagent.thin",
    }


# ---------------------------------------------------------------- from what


def kept(folder: Path) -> str:
    path = str(folder / "shape")
    with open(path, "wb") as file:
        file.write(Shape("body\nof two lines", BOX, "38;5;1", "7").written())
    return path


def test_a_shape_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = read(kept(tmp_path))
    assert found is not None
    assert (found.body, found.box, found.text, found.cursor) == (
        "body\nof two lines",
        BOX,
        "38;5;1",
        "7",
    )


@pytest.mark.parametrize("spoil", ["cut", "others", "garbage", "version", "empty", "gone"])
def test_a_shape_that_is_not_whole_or_not_ours_is_no_shape(tmp_path: Path, spoil: str) -> None:
    path = Path(kept(tmp_path))
    body = path.read_bytes()
    if spoil == "others":
        path.chmod(0o666)
    elif spoil == "gone":
        path.unlink()
    else:
        spoilt = {
            "cut": body[:-1],
            "garbage": b"\xff\xfe" * 99,
            "version": body.replace(b"tuiagent ", b"tuiagent 9"),
            "empty": b"",
        }
        path.write_bytes(spoilt[spoil])
    assert read(str(path)) is None


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (40, 10), (80, 24), (120, 40), (300, 90)])
def test_the_standard_shape_fits_any_size(size: tuple[int, int]) -> None:
    shape = standard(*size)
    screen = pyte.Screen(*size)
    pyte.Stream(screen).feed(shape.body)
    if size[1] > 4 and size[0] > 4:
        column, row, width = shape.box
        line = screen.display[row]
        assert line[column - 1] + line[column + width] == "││"
        assert not line[column : column + width].strip()


def test_the_next_start_begins_with_the_shape_and_none_of_the_words(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    with terminal(cli, "a secret word") as screen:
        screen.until("blue")
        screen.type("\x11")
        assert screen.end() == 0
    folder = cli.root / "cache" / "shapes"
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert path.name.startswith("80x24-")
    body = path.read_text()
    assert "╭" in body
    assert not [word for word in ("secret", "blue", str(cli.work.name)) if word in body]
    with terminal(cli) as screen:
        screen.until(TAKEN)
        first = screen.raw[: screen.raw.index(TAKEN)].decode()
        assert read(str(path)) is not None
        assert body.split("\n", 4)[4] in first


def test_a_terminal_of_another_kind_has_a_file_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "../../x/y")
    one = place("/root", 80, 24)
    assert os.path.dirname(one) == "/root/cache/shapes"
    monkeypatch.setenv("TERM", "xterm")
    assert place("/root", 80, 24) != one


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("hello", "hello"),
        ("hellp\x7fo", "hello"),
        ("\x7f", ""),
        ("日本\x7f語", "日語"),
        ("said\rmore", "more"),
        ("\x1b[200~one\rtwo\x1b[201~!", "two!"),
        ("ab\x1b[Dc", "ab"),
        ("ab\x1bOPc\rd", "d"),
        ("ab\x01c", "ab"),
        ("ab\x1bxc", "ab"),
        ("\x1b[", ""),
    ],
)
def test_it_shows_what_a_prompt_would_as_far_as_that_is_certain(keys: str, text: str) -> None:
    assert typed(keys).text == text


def test_of_a_long_text_the_end_is_shown() -> None:
    assert typed("abcdef").end(3) == "def"
    assert typed("日本語").end(5) == "本語"
    assert typed("日").end(0) == ""
