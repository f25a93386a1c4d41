"""Images, PDFs and notebooks: what of them a model is given, what is refused, and what is kept."""

import base64
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from tests.contracts.test_tool import Blobs, NoJobs, do
from tests.pictures import pdf, png
from tuiagent import apart, parsing
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.media import digest, probe
from tuiagent.kernel.message import Document, Image
from tuiagent.ports import Kit
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.notebook import STYLES, changed, parsed, shown


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def kit(work: Path) -> Kit:
    runtime = LocalRuntime(str(work), {}, str(work.parent / "spools"))
    return Kit("s1.p1.1.1", runtime, Blobs(), lambda text: None, NoJobs())


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    made = io.BytesIO()
    Pictures.new("RGB", (width, height), (200, 30, 30)).save(made, kind)
    return made.getvalue()


# ---------------------------------------------------------------- images


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_an_image_is_shown_and_its_bytes_are_kept(kind: str, kit: Kit, work: Path) -> None:
    body = picture(40, 30, kind)
    (work / "a.img").write_bytes(body)
    found = await do("read", kit, path="a.img")
    assert found.text.startswith(f"a.img ({kind}, 40×30")
    [image] = found.media
    assert isinstance(image, Image)
    assert (image.blob, image.width, image.height) == (digest(body), 40, 30)
    assert await kit.blobs.get(image.blob) == body


@pytest.mark.parametrize(("kind", "made"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
async def test_a_large_image_is_made_smaller(kind: str, made: str, kit: Kit, work: Path) -> None:
    (work / "large").write_bytes(picture(4000, 1000, kind))
    [image] = (await do("read", kit, path="large")).media
    assert isinstance(image, Image)
    assert (image.media, image.width, image.height) == (made, 2000, 500)
    body = await kit.blobs.get(image.blob)
    assert body is not None
    assert Pictures.open(io.BytesIO(body)).size == (2000, 500)


async def test_an_image_that_would_fill_the_memory_is_never_opened(
    kit: Kit, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "read_apart", None)
    (work / "bomb.png").write_bytes(
        png(3, 2).replace(bytes([0, 0, 0, 3, 0, 0, 0, 2]), b"\0\0\xff\0" * 2)
    )
    with pytest.raises(ToolError, match="more than 100 million pixels"):
        await do("read", kit, path="bomb.png")


async def test_without_pillow_only_what_providers_take_is_shown(
    kit: Kit, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "large.png").write_bytes(picture(4000, 100))
    (work / "huge.png").write_bytes(picture(8001, 10))
    monkeypatch.setattr(apart.util, "find_spec", lambda name: None)
    [image] = (await do("read", kit, path="large.png")).media
    assert isinstance(image, Image)
    assert image.width == 4000
    with pytest.raises(ToolError, match=r"install tuiagent\[images\]"):
        await do("read", kit, path="huge.png")


@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
async def test_what_was_cut_off_is_said_and_not_shown(name: str, kit: Kit, work: Path) -> None:
    (work / name).write_bytes((png() if name == "a.png" else pdf("x"))[:-20])
    with pytest.raises(ToolError, match="damaged or was cut off"):
        await do("read", kit, path=name)


# ---------------------------------------------------------------- PDFs


async def test_a_pdf_is_read_page_by_page(kit: Kit, work: Path) -> None:
    texts = [f"This is what stands on page {n} of the plan." for n in range(1, 24)]
    (work / "plan.pdf").write_bytes(pdf(*texts))
    found = await do("read", kit, path="plan.pdf")
    assert found.text.startswith("plan.pdf (PDF, 23 pages")
    assert f"[page 20]\n{texts[19]}" in found.text
    assert found.text.endswith("(3 more pages; go on with offset=21)")
    assert found.media == ()
    rest = await do("read", kit, path="plan.pdf", offset=21)
    assert rest.text.endswith(f"[page 23]\n{texts[22]}")
    one = await do("read", kit, path="plan.pdf", offset=2, limit=1)
    assert texts[1] in one.text
    assert texts[2] not in one.text
    with pytest.raises(ToolError, match="only 23 pages"):
        await do("read", kit, path="plan.pdf", offset=24)


@pytest.mark.parametrize(
    ("text", "look"), [("", False), ("All of this is text, and enough.", True)]
)
async def test_pages_are_shown_as_they_look_where_that_is_needed(
    text: str, look: bool, kit: Kit, work: Path
) -> None:
    body = pdf(text, text)
    (work / "scan.pdf").write_bytes(body)
    found = await do("read", kit, path="scan.pdf", look=look)
    assert found.media == (Document("application/pdf", digest(body), "scan.pdf", len(body), 2),)
    assert await kit.blobs.get(digest(body)) == body


async def test_too_many_pages_are_given_as_text_alone(kit: Kit, work: Path) -> None:
    (work / "many.pdf").write_bytes(pdf(*["x"] * 101))
    found = await do("read", kit, path="many.pdf", look=True)
    assert found.media == ()
    assert "more than 100 pages" in found.text


async def test_what_no_reader_understands_is_an_error_in_words(kit: Kit, work: Path) -> None:
    (work / "bad.pdf").write_bytes(b"%PDF-1.4\n" + b"<<" * 9000 + b"\n%%EOF")
    with pytest.raises(ToolError, match="cannot be read"):
        await do("read", kit, path="bad.pdf")


# ---------------------------------------------------------------- apart


async def test_a_reader_has_little_memory_and_none_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    with monkeypatch.context() as patched:
        patched.setattr(apart, "START", "import os; print(sorted(os.environ), os.getcwd())")
        seen = (await apart.read_apart("pdf", b"")).decode()
    assert "KEY" not in seen
    assert seen.endswith("/\n")
    hungry = (
        f"{apart.START.replace('p.main()', '')}p.READERS['x'] = lambda d: bytes(2 << 30); p.main()"
    )
    monkeypatch.setattr(apart, "START", hungry)
    with pytest.raises(ToolError, match="MemoryError"):
        await apart.read_apart("x", b"")


async def test_a_reader_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = apart.START.replace("p.main()", "p.PROCESSOR = 1\ndef go(d):\n while 1: pass\n")
    monkeypatch.setattr(apart, "START", f"{endless}\np.READERS['x'] = go; p.main()")
    with pytest.raises(ToolError, match="takes too long"):
        await apart.read_apart("x", b"")


def test_a_page_becomes_markdown_without_what_nobody_reads() -> None:
    page = b"""<html><head><title>Guide</title><script>evil()</script></head><body>
    <h1>Use &amp; abuse</h1><p>See <a href="/x">this</a>.</p><style>p {}</style>
    <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
    <pre><code>x = 1\n  y = 2</code></pre><img src="data:image/png;base64,AAAA" alt="plot">"""
    text = parsing.page(page, "utf-8").decode()
    assert text.startswith("# Guide")
    assert "# Use & abuse" in text
    assert "[this](/x)" in text
    assert "| 1 | 2 |" in text
    assert "x = 1\n  y = 2" in text
    assert "evil" not in text
    assert "base64" not in text


def test_a_page_without_end_is_text_at_least() -> None:
    assert "deep" in parsing.page(b"<div>" * 20_000 + b"deep", "").decode()


# ---------------------------------------------------------------- notebooks


CELLS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "id": "aa", "metadata": {}, "source": ["# Größe\n", "words"]},
    {
        "cell_type": "code",
        "id": "bb",
        "metadata": {"tags": ["x"]},
        "execution_count": 3,
        "source": "print(1)",
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["1\n"]},
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
        ],
    },
]
BOOK = {"cells": CELLS, "metadata": {"big": 12345678901234567890123, "nan": float("nan")}}
BOOK |= {"nbformat": 4, "nbformat_minor": 5, "extra": [1.50]}


def book(**style: Any) -> bytes:
    return (json.dumps(BOOK, **style or STYLES[0]) + "\n").encode()


async def test_a_notebook_is_read_as_its_cells(kit: Kit, work: Path) -> None:
    (work / "a.ipynb").write_bytes(book())
    found = await do("read", kit, path="a.ipynb")
    assert found.text == (
        "[cell 1 id=aa markdown]\n# Größe\nwords\n\n[cell 2 id=bb code]\nprint(1)\n\n"
        "[output of cell 2]\n1\n\n[output of cell 2]\nValueError: no"
    )
    (work / "broken.ipynb").write_text('{"cells": [')
    assert (await do("read", kit, path="broken.ipynb")).text == '     1\t{"cells": ['


async def test_the_images_of_a_notebook_are_shown(kit: Kit, work: Path) -> None:
    body = png(9, 9)
    data = {"image/png": base64.b64encode(body).decode(), "text/plain": "<Figure>"}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    one = {
        "cell_type": "code",
        "source": "plot()",
        "outputs": [output, {**output, "data": {"image/png": "AAAA"}}],
    }
    (work / "a.ipynb").write_text(json.dumps({"cells": [one]}))
    found = await do("read", kit, path="a.ipynb")
    assert [image.blob for image in found.media] == [digest(body)]
    assert "<Figure>\n(image 1)" in found.text
    assert "neither an image" in found.text


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_change_of_a_cell_changes_nothing_else(style: dict[str, Any]) -> None:
    before = book(**style)
    after = changed({"do": "replace", "cell": "aa", "source": "é\nx"}, before)
    expected = json.loads(before)
    expected["cells"][0]["source"] = ["é\n", "x"]
    assert after == (json.dumps(expected, **style) + "\n").encode()


def test_cells_are_replaced_inserted_and_deleted_by_id_or_number() -> None:
    def cells(**args: Any) -> list[Any]:
        return parsed(changed(args, book()))["cells"]

    code = cells(do="replace", cell="2", source="print(2)")[1]
    assert code == {**CELLS[1], "source": "print(2)", "outputs": [], "execution_count": None}
    text = cells(do="replace", cell="bb", source="so", kind="markdown")[1]
    assert "outputs" not in text
    first = cells(do="insert", cell="0", source="x = 1\n")
    assert first[0]["source"] == ["x = 1\n"]
    assert len({cell["id"] for cell in first}) == 3
    behind = cells(do="insert", cell="aa", source="t", kind="markdown")
    assert [cell["cell_type"] for cell in behind] == ["markdown", "markdown", "code"]
    assert [cell["id"] for cell in cells(do="delete", cell="1")] == ["bb"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"do": "turn", "cell": "1"}, "replace, insert or delete"),
        ({"do": "replace", "cell": "1"}, "needs `source`"),
        ({"do": "replace", "cell": "0", "source": ""}, "no cell '0'"),
        ({"do": "delete", "cell": "3"}, "no cell '3'"),
        ({"do": "insert", "cell": "1", "source": "", "kind": "heading"}, "`kind` is"),
        ({"do": "replace", "cell": "1", "source": "\ud800"}, "surrogate"),
    ],
)
def test_a_change_that_does_not_fit_says_why(args: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError, match=said):
        changed(args, book())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["cells", "cell_type", "source", "outputs", "data", "id", "text", "image/png"]
)


@given(
    st.recursive(
        json_values, lambda inner: st.dictionaries(KEYS, inner | st.lists(inner, max_size=3))
    )
)
def test_no_notebook_breaks_the_reader(value: Any) -> None:
    with suppress(ToolError):
        shown(json.dumps(value).encode())


def test_small_pictures_of_the_tests_are_whole() -> None:
    assert Pictures.open(io.BytesIO(png(5, 4))).size == (5, 4)
    assert isinstance(probe("a", png(5, 4)), Image)
