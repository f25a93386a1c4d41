"""What bytes are, how large they are said to be, and what becomes of them in a prompt."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures import pdf, png
from tuiagent.kernel import media
from tuiagent.kernel.compact import prunable, record, size
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.media import File, attached, blobs, probe, shown, tokens
from tuiagent.kernel.message import Call, Document, Image, Message, Text
from tuiagent.kernel.prompts import SubmitPrompt, submitted

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAACAAUBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AVN//2Q=="
)
GIF = b"GIF89a\x07\0\x03\0\x80\0\0" + bytes(6) + b",\0\0\0\0\x07\0\x03\0\0\x02\x02\x04\x01\0;"
LOSSY = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x30\x01\x00\x9d\x01\x2a\x06\x00\x04\x00"
LOSSLESS = b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x09\xc0\x01\x00\0\0\0\0\0"
FEATURES = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0"


@pytest.mark.parametrize(
    ("data", "kind", "width", "height"),
    [
        (png(5, 4), "image/png", 5, 4),
        (JPEG, "image/jpeg", 5, 2),
        (GIF, "image/gif", 7, 3),
        (LOSSY, "image/webp", 6, 4),
        (LOSSLESS, "image/webp", 10, 8),
        (FEATURES, "image/webp", 16, 32),
    ],
)
def test_an_image_is_known_by_its_header_and_refused_when_it_is_cut(
    data: bytes, kind: str, width: int, height: int
) -> None:
    found = probe("a.img", data)
    assert found == Image(kind, media.digest(data), "a.img", width, height, len(data))
    with pytest.raises(Refused, match="cut off"):
        probe("a.img", data[:-2])


def test_a_pdf_is_known_and_refused_when_it_is_cut() -> None:
    data = pdf("Hello")
    assert probe("a.pdf", data) == Document(media.PDF, media.digest(data), "a.pdf", len(data))
    with pytest.raises(Refused, match="cut off"):
        probe("a.pdf", data[:200])


@given(st.binary(max_size=80), st.sampled_from(["", *media.BEGINS, media.PDF]))
def test_nothing_else_than_a_refusal_comes_of_any_bytes(noise: bytes, kind: str) -> None:
    begin = media.BEGINS.get(kind, b"%PDF-" if kind else b"")
    try:
        found = probe("x", begin + noise)
    except Refused:
        return
    assert found is None or isinstance(found, Document) or (found.width and found.height)


def test_what_providers_would_not_take_is_refused_before_it_is_said() -> None:
    with pytest.raises(Refused, match="more than 5 MiB"):
        shown(File("big.png", png(3, 2, b"n" * (5 << 20))))
    with pytest.raises(Refused, match="larger than 8000 pixels"):
        shown(File("wide.png", png(8001, 1)))
    with pytest.raises(Refused, match=r"more than 20 MiB"):
        shown(File("big.pdf", b"%PDF-" + bytes(20 << 20) + b"%%EOF"))
    with pytest.raises(Refused, match="neither an image"):
        shown(File("a.txt", b"hello"))
    with pytest.raises(Refused, match="at most 20"):
        attached([File("a.png", png())] * 21)


def test_a_prompt_keeps_hashes_and_the_store_the_bytes() -> None:
    files = (File("a.png", png(4, 4)), File("b.pdf", pdf("x")))
    fact = submitted(SubmitPrompt("session/s", "p1", "", files=files), False)
    assert [one.blob for one in fact.media] == list(blobs(files))
    with pytest.raises(Refused, match="empty"):
        submitted(SubmitPrompt("session/s", "p1", "  "), False)


def test_images_count_into_the_budget_and_go_before_they_fill_it() -> None:
    large, unknown = Image("image/png", "", "a", 4000, 3000), Image("image/png", "")
    assert tokens(Image("image/png", "", "a", 750, 100)) == 101
    assert tokens(large) == tokens(unknown) == media.SHARPEST
    assert tokens(Document(media.PDF, "", pages=3)) == 3 * media.PAGE
    call = Call("p1.1.1", "read", {})
    seen = Message("tool", (Text("an image"), large), call)
    assert size(seen) > media.SHARPEST
    assert prunable([seen, Message("user", (Text("x" * 4000),))], 10) == ("p1.1.1",)
    assert "[a (PNG, 4000×3000)]" in record([seen], ["p1.1.1"])


@pytest.mark.parametrize("found", [Image("image/png", ""), Document(media.PDF, "", "a.pdf", 5, 7)])
def test_what_is_not_shown_is_told(found: Any) -> None:
    assert "is not shown to you: it takes text" in media.untold(found, "it takes text").text


def test_a_request_has_room_for_the_newest_and_its_beginning_changes_seldom() -> None:
    images = [Image("image/png", f"{n}", size=media.REQUEST // 8) for n in range(40)]
    kept = [media.newest(images[:n]) for n in range(1, 41)]
    for n, now in enumerate(kept, 1):
        assert f"{n - 1}" in now
        assert len(now) <= 8
    changes = [n for n in range(1, 40) if not kept[n - 1] <= kept[n]]
    assert len(changes) == 7
    whole = Document(media.PDF, "p", size=media.REQUEST + 1)
    assert media.newest([images[0], whole]) == {"p"}
