"""Markdown as rows: a part of a text at a time, so that a growing text is never read again."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tuiagent.clients.tui.transcript.code import highlighted
from tuiagent.clients.tui.transcript.rows import BLANK, Row, Span, fold, plain, width_of
from tuiagent.clients.tui.transcript.table import table

OPENS = r"(`{3,})[ \t]*([^`\n]*)$|(~{3,})[ \t]*(.*)$"
URL = r"https?://[^\s<>\"'`\\\]]+[^\s<>\"'`\\\].,:;!?)]"
ITEM = r"[-*+] |\d{1,9}[.)] "
TARGET = r"https?://[^\x00- \x7f-\xa0]+"
TASK = r"\[([ xX])\] "
AROUND = 40
"""Lines after which a part ends: of code at the next empty line, of a list at the next item."""
COLUMNS = 100
"""Fields of a row of a table."""
AT_MOST = 120
"""Lines of a part."""
LARGE = 16_000
"""Characters of a part."""
KNOTTY = r"[>\[*_`!|]{200}|(?:[>*_\[] ?){200}"
"""No text that is meant to be read: shown as it is."""
DEEP = 10
"""Margins in each other; what is deeper has no more of its own."""
TOO_DEEP = 2 * DEEP - 2
"""Levels from which on the parser leaves words out."""


class Part(NamedTuple):
    """A piece of a text that is drawn by itself."""

    text: str
    language: str | None = None
    """Of code; None for words."""
    first: bool = True
    """Whether its code begins here."""


class Parts:
    """Cuts a growing text into parts; those that are closed never change."""

    def __init__(self) -> None:
        self.closed: list[Part] = []
        self._at = 0
        """Up to where the text was looked at: whole lines."""
        self._start = 0
        self._lines = 0
        self._gap = False
        """Whether the last line was empty."""
        self._fence = ""
        self._language = ""
        self._fresh = True

    def feed(self, text: str) -> list[Part]:
        """Takes the text so far; the part that is open now, if there is one."""
        while (end := text.find("\n", self._at)) >= 0:
            if end - self._at > LARGE:
                break
            self._take(text, text[self._at : end], end + 1)
        rest = text[self._start :]
        while len(rest) > 2 * LARGE:  # a line without an end
            self._close(rest[:LARGE])
            self._start += LARGE
            self._at = max(self._at, self._start)
            rest = rest[LARGE:]
        return list(self._part(rest))

    def _take(self, text: str, line: str, after: int) -> None:
        if self._fence:
            self._code(text, line, after)
            self._at = after
            return
        empty = not line.strip()
        opens = re.match(OPENS, line)
        most = 2 * AT_MOST if line.startswith("|") else AROUND if re.match(ITEM, line) else AT_MOST
        room = self._lines < most and self._at - self._start < LARGE
        if opens or not room or (self._gap and not empty and not line[0].isspace()):
            self._close(text[self._start : self._at])
            self._start, self._lines = self._at, 0
        if opens:
            self._fence = opens[1] or opens[3]
            self._language = (opens[2] or opens[4] or "").strip()
            self._start, self._fresh = after, True
        else:
            self._lines += 1
            self._gap = empty
        self._at = after

    def _code(self, text: str, line: str, after: int) -> None:
        self._lines += 1
        ends = line.strip() == self._fence[0] * max(len(self._fence), len(line.strip()))
        if ends:
            self._close(text[self._start : self._at])
            self._fence, self._gap = "", True
        elif self._full(line, after):
            self._close(text[self._start : after])
        else:
            return
        self._start, self._lines, self._fresh = after, 0, False

    def _full(self, line: str, after: int) -> bool:
        """Whether a part of some code ends with this line."""
        enough = self._lines >= AROUND and not line.strip()
        return enough or self._lines >= AT_MOST or after - self._start > LARGE

    def _close(self, text: str) -> None:
        self.closed += self._part(text)

    def _part(self, text: str) -> Iterator[Part]:
        if self._fence:
            if text or self._fresh:
                yield Part(text.removesuffix("\n"), self._language, self._fresh)
        elif text.strip():
            yield Part(text.strip("\n"))


def parts(text: str) -> list[Part]:
    """All parts of a text."""
    found = Parts()
    rest = found.feed(text)
    return [*found.closed, *rest]


def rows(part: Part, width: int) -> list[Row]:
    """The rows of a part."""
    if part.language is not None:
        return code_rows(plain(part.text), part.language, width)
    text = plain(part.text)
    if re.search(KNOTTY, text) or any(map(_endless, text.split("\n"))):
        return as_is(text, width)
    return Renderer(text, width).rows()


def _endless(line: str) -> bool:
    """Whether a line is too long to be read, or a row of a table has more fields than anybody."""
    return len(line) > 4000 or line.count("|") > COLUMNS


def as_is(text: str, width: int, style: str = "") -> list[Row]:
    """The rows of a text that is shown as it is."""
    return [row for line in text.split("\n") for row in fold([(line, style)], width)]


def code_rows(code: str, language: str, width: int) -> list[Row]:
    """The rows of a block of code."""
    name = language.split()[0] if language.split() else ""
    margin = ((" ", "code"),)
    return [
        row
        for spans in highlighted(code, name, base="code")
        for row in fold(spans, width, margin, margin, words=False, fill="code")
    ]


@cache
def parser() -> Any:
    """The parser of words; markup of other kinds is text to it."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - the first frame needs none

    made = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEP * 2})
    return made.enable(["table", "strikethrough"]).disable("reference")


class Renderer:
    """Makes rows of a part's tokens."""

    def __init__(self, text: str, width: int) -> None:
        self._lines = text.split("\n")
        self._tokens: list[Any] = parser().parse(text)
        self._width = width
        self._at = 0
        self._said = 0
        """The line of the source behind what has its rows already."""

    def rows(self) -> list[Row]:
        """All rows."""
        lost = any(token.level >= TOO_DEEP for token in self._tokens)
        found = [] if lost else self._flow((), "")
        return found or as_is("\n".join(self._lines), self._width)

    def _flow(self, margin: tuple[Span, ...], until: str, lead: tuple[Span, ...] = ()) -> list[Row]:
        """The rows up to a token; the first one has another margin, where there is `lead`."""
        found: list[Row] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.type == until:
                break
            if token.map and found and self._gap(token.map[0]):
                found.append(_margin(margin))
            head = lead if lead and not found else margin
            found += self._block(token, head, margin)
        return found or ([_margin(lead)] if lead else [])

    def _gap(self, line: int) -> bool:
        """Whether the source has an empty line before this one."""
        return 0 < line <= len(self._lines) and not self._lines[line - 1].strip(" >\t")

    def _block(self, token: Any, lead: tuple[Span, ...], margin: tuple[Span, ...]) -> list[Row]:
        kind = token.type
        if kind in ("paragraph_open", "heading_open"):
            inline = self._tokens[self._at]
            self._at += 2
            base = "heading" if kind == "heading_open" else ""
            level = "#" * int(token.tag[1]) if base else ""
            spans = spans_of(inline.children or [], base)
            if base and len(level) > 2:
                spans.insert(0, (level + " ", "muted"))
            return self._words(spans, lead, margin)
        if kind in ("fence", "code_block"):
            room = self._width - width_of(margin)
            inner = code_rows(token.content.removesuffix("\n"), token.info, room)
            return [_behind(row, margin if n else lead) for n, row in enumerate(inner)]
        if kind == "blockquote_open":
            bar = ("▌ ", "quote")
            deep = self._deep(margin)
            return self._flow(
                margin if deep else (*margin, bar),
                "blockquote_close",
                lead if deep else (*lead, bar),
            )
        if kind in ("bullet_list_open", "ordered_list_open"):
            return self._list(token, lead, margin)
        if kind == "table_open":
            return self._table(lead, margin)
        if kind == "hr":
            room = max(1, self._width - width_of(lead))
            return [Row((*lead, ("─" * room, "rule")), sum(len(t) for t, _ in lead))]
        text = token.content.rstrip("\n")
        return self._words([(text, "")], lead, margin) if text else []

    def _deep(self, margin: tuple[Span, ...]) -> bool:
        return len(margin) >= DEEP or width_of(margin) > self._width // 2

    def _words(
        self, spans: list[Span], lead: tuple[Span, ...], margin: tuple[Span, ...]
    ) -> list[Row]:
        found: list[Row] = []
        for part in _broken(spans):
            found += fold(part, self._width, margin if found else lead, margin)
        return found

    def _list(self, token: Any, lead: tuple[Span, ...], margin: tuple[Span, ...]) -> list[Row]:
        ends = token.type.replace("open", "close")
        found: list[Row] = []
        while self._tokens[self._at].type != ends:
            item = self._tokens[self._at]
            self._at += 1
            mark = f"{item.info}{item.markup} " if token.type.startswith("ordered") else "• "
            if found and item.map and self._gap(item.map[0]):
                found.append(_margin(margin))
            mark, style = self._task(mark)
            head = margin if found else lead
            inner = margin if self._deep(margin) else (*margin, (" " * len(mark), ""))
            found += self._flow(inner, "list_item_close", (*head, (mark, style)))
        self._at += 1
        return found

    def _task(self, mark: str) -> tuple[str, str]:
        """The mark of an item; of a task, a box."""
        if self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].type == "inline":
            children = self._tokens[self._at + 1].children
            found = re.match(TASK, children[0].content) if children else None
            if found:
                children[0].content = children[0].content[found.end() :]
                return ("☐ ", "muted") if found[1] == " " else ("☑ ", "good")
        return mark, "mark"

    def _table(self, lead: tuple[Span, ...], margin: tuple[Span, ...]) -> list[Row]:
        cells: list[list[list[Span]]] = []
        while (token := self._tokens[self._at]).type != "table_close":
            self._at += 1
            if token.type == "tr_open":
                cells.append([])
            elif token.type == "inline":
                base = "strong" if len(cells) == 1 else ""
                cells[-1].append(spans_of(token.children or [], base))
        self._at += 1
        inner = table(cells, self._width - width_of(margin))
        return [_behind(row, margin if n else lead) for n, row in enumerate(inner)]


def _margin(margin: tuple[Span, ...]) -> Row:
    return Row(margin, sum(len(text) for text, _ in margin)) if margin else BLANK


def _behind(row: Row, margin: tuple[Span, ...]) -> Row:
    if not margin:
        return row
    size = sum(len(text) for text, _ in margin)
    return Row((*margin, *row.spans), size + row.skip, row.joint, row.fill)


def _broken(spans: list[Span]) -> Iterator[list[Span]]:
    """The spans, line by line."""
    line: list[Span] = []
    for text, style in spans:
        first, *more = text.split("\n")
        if first:
            line.append((first, style))
        for part in more:
            yield line
            line = [(part, style)] if part else []
    yield line


MARKED = {"strong": "strong", "em": "em", "s": "strike"}


class Words:
    """Makes spans of a paragraph's tokens."""

    def __init__(self, base: str) -> None:
        self.spans: list[Span] = []
        self._styles = [base] if base else []
        self._targets: list[tuple[str, int]] = []

    def take(self, token: Any) -> None:
        """Takes the next token."""
        kind, _, end = token.type.rpartition("_")
        if token.type == "text":
            self.spans += _linked(token.content, " ".join(self._styles))
        elif token.type in ("softbreak", "hardbreak"):
            self._add(" " if token.type == "softbreak" else "\n")
        elif token.type == "code_inline":
            self._add(token.content, "inline-code")
        elif token.type == "image":
            self._add(f"[image: {token.content or 'no name'}]", "muted")
            self._tell(safe(token.attrGet("src")))
        elif kind == "link":
            self._link(token, end)
        elif kind in MARKED and end == "open":
            self._styles.append(MARKED[kind])
        elif kind in MARKED and self._styles:
            self._styles.pop()
        else:
            self._add(token.content)

    def _add(self, text: str, style: str = "") -> None:
        if text:
            self.spans.append((text, " ".join([*self._styles, *filter(None, (style,))])))

    def _link(self, token: Any, end: str) -> None:
        """The words of a link, and behind them its target, where they are not the same."""
        if end == "open":
            self._targets.append((safe(token.attrGet("href")), len(self.spans)))
            self._styles.append(_link(self._targets[-1][0]))
        elif self._targets:
            target, start = self._targets.pop()
            self._styles.pop()
            if "".join(text for text, _ in self.spans[start:]).strip() != target:
                self._tell(target)

    def _tell(self, target: str) -> None:
        if target:
            self._add(f" ({target})", "muted")


def spans_of(children: list[Any], base: str = "") -> list[Span]:
    """The words of a paragraph, told apart."""
    words = Words(base)
    for token in children:
        words.take(token)
    return words.spans


def safe(target: object) -> str:
    """A link's target as it may be shown and named to the terminal."""
    return "".join(plain(str(target or "")).split())


def _link(target: str) -> str:
    return f"link link={target}" if re.fullmatch(TARGET, target) else "link"


def _linked(text: str, style: str) -> Iterator[Span]:
    """Text with the addresses in it as links."""
    at = 0
    if "://" in text and "link" not in style:
        for match in re.finditer(URL, text):
            if match.start() > at:
                yield text[at : match.start()], style
            yield match[0], f"{style} {_link(match[0])}".strip()
            at = match.end()
    if at < len(text):
        yield text[at:], style
