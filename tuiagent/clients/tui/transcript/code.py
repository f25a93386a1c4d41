"""Code with its words told apart."""

from functools import lru_cache
from typing import Any

from tuiagent.clients.tui.transcript.rows import Span

MOST = 20_000
"""Characters that are highlighted where little time is left."""
LONGEST = 1000
"""Characters of a line; more, and all is shown plain."""
STYLES = {
    "Keyword": "keyword",
    "Keyword.Constant": "constant",
    "Name.Function": "name",
    "Name.Class": "name",
    "Name.Decorator": "operator",
    "Name.Tag": "keyword",
    "Name.Attribute": "name",
    "Name.Builtin": "name",
    "Name.Builtin.Pseudo": "constant",
    "Literal.String": "string",
    "Literal.Number": "constant",
    "Comment": "comment",
    "Operator.Word": "keyword",
    "Generic.Deleted": "bad",
    "Generic.Inserted": "good",
    "Generic.Heading": "heading",
    "Generic.Subheading": "heading",
    "Generic.Prompt": "muted",
}
"""By Pygments' token type; what is below one of these looks like it."""


@lru_cache(64)
def lexer(language: str, path: str = "") -> Any:
    """The lexer for a language or a file's name, None where there is none."""
    from pygments.lexers import (  # noqa: PLC0415 - the first frame needs no code
        get_lexer_by_name,
        get_lexer_for_filename,
    )
    from pygments.util import ClassNotFound  # noqa: PLC0415 - as above

    try:
        if language:
            return get_lexer_by_name(language, stripnl=False, ensurenl=False)
        return get_lexer_for_filename(path, stripnl=False, ensurenl=False) if path else None
    except ClassNotFound:
        return None


@lru_cache(512)
def _style(kind: Any) -> str:
    while kind is not None and kind.parent is not None:
        name = str(kind).removeprefix("Token.")
        if name in STYLES:
            return STYLES[name]
        kind = kind.parent
    return ""


def highlighted(
    code: str, language: str = "", path: str = "", base: str = "", most: int = MOST
) -> list[list[Span]]:
    """The lines of some code, each as spans; `base` is the style beneath.

    More than `most` characters are shown plain.
    """
    lines = code.split("\n")
    known = None
    if len(code) <= most and max(map(len, lines)) <= LONGEST:
        known = lexer(language.lower(), path.rpartition("/")[2])
    if known is None:
        return [[(text, base)] if text else [] for text in lines]
    found: list[list[Span]] = [[]]
    for _, kind, text in known.get_tokens_unprocessed(code):
        style = f"{base} {_style(kind)}".strip()
        first, *more = text.split("\n")
        if first:
            _append(found[-1], first, style)
        for part in more:
            found.append([(part, style)] if part else [])
    whole = ["".join(text for text, _ in spans) for spans in found] == lines
    return found if whole else [[(text, base)] for text in lines]


def _append(spans: list[Span], text: str, style: str) -> None:
    if spans and spans[-1][1] == style:
        spans[-1] = (spans[-1][0] + text, style)
    else:
        spans.append((text, style))
