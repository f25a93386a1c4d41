"""`tuiagent web`: a link that lets one browser in, and the server behind it."""

import asyncio
import os
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.life import LIMIT, Life
from tests.web import request
from tuiagent.server import begin, server_record


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A home, and no server."""
    return Life(tmp_path)


def said(life: Life, *args: str, code: int = 0) -> tuple[str, str]:
    """What a command prints."""
    process = life.start(*args)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == code, err.decode()
    return out.decode().strip(), err.decode()


async def log_in(link: str) -> tuple[int, str]:
    """What the page does with the link; the status, and the folder that is meant."""
    url, _, behind = link.partition("/#")
    given = parse_qs(behind)
    answer = await request(url, "POST", "/screen/login", b"", given["ticket"][0], {"Origin": url})
    return answer.status, given["folder"][0]


def test_a_link_begins_a_server_and_lets_one_browser_in(life: Life) -> None:
    link, told = said(life, "web")
    try:
        assert "no browser was found" in told
        assert "environment" not in told
        record = server_record(str(life.root))
        assert record is not None
        assert link.startswith(f"{record.addresses[0]}/#ticket=")
        key = (life.root / "owner.key").read_text().strip()
        assert key not in link + told
        assert asyncio.run(log_in(link)) == (200, str(life.work))
        assert asyncio.run(log_in(link))[0] == 401
        again, _ = said(life, "web", "--print", "--cwd", "..")
        assert again.partition("/#")[0] == record.addresses[0], "the same server"
        assert asyncio.run(log_in(again)) == (200, str(life.work.parent))
    finally:
        said(life, "serve", "--stop")


def test_a_server_that_listens_nowhere_makes_way(life: Life) -> None:
    root = str(life.root)
    begin(root, {**os.environ, "HOME": str(life.home)})
    first = server_record(root)
    assert first is not None
    assert first.addresses == ()
    life.environ |= {"TUIAGENT_MODEL": "openai/m"}
    link, told = said(life, "web", "--print")
    try:
        assert "tuiagent config set model openai/m, and tuiagent keys set openai" in told
        second = server_record(root)
        assert second is not None
        assert f"taking the place of process {first.pid}" in told
        assert link.partition("/#")[0] == second.addresses[0]
    finally:
        said(life, "serve", "--stop")


def test_what_cannot_be_is_said(life: Life) -> None:
    _, told = said(life, "web", "--cwd", "nowhere", code=2)
    assert "nowhere is not a folder" in told
