"""The page and what it is made of: files of this folder, the same for everybody."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

from starlette.responses import Response

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.problem import Problem

KINDS = {
    "html": "text/html",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}
"""By the ending of a file's name."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The terminal makes style elements of its own; scripts are files of ours alone."""
KEPT = "public, max-age=31536000, immutable"
"""Of files with a version in their name."""


class File(NamedTuple):
    """A file as it is sent."""

    body: bytes
    headers: dict[str, str]


@cache
def known() -> dict[str, File]:
    """All files by name."""
    found: dict[str, File] = {}
    for path in files("tuiagent.clients.web.browser").joinpath("static").iterdir():
        kind = KINDS.get(path.name.rpartition(".")[2])
        if kind is not None:
            keep = KEPT if any(letter.isdigit() for letter in path.name) else "no-cache"
            headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": keep}
            headers["Content-Security-Policy"] = POLICY
            found[path.name] = File(path.read_bytes(), headers)
    return found


async def page(asked: Asked) -> Response:
    """GET /."""
    return _sent("page.html")


async def static(asked: Asked) -> Response:
    """GET /static/{name}."""
    return _sent(asked.path["name"])


def _sent(name: str) -> Response:
    file = known().get(name)
    if file is None:
        raise Problem(404, "not_found", "there is no such file")
    return Response(file.body, headers=file.headers)
