"""What a shell command says, by a real grammar: which commands, which words, what is written."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from functools import lru_cache

import tree_sitter_bash
from msgspec import Struct
from tree_sitter import Language, Node, Parser

from tuiagent.kernel import wrappers
from tuiagent.kernel.errors import ToolError

DEEP = 8
"""Commands within commands (`sh -c`, `eval`) that are followed; more are refused."""
LONG = 4 * 1024 * 1024
"""Characters of the commands within commands together; more are refused."""
JOINED = frozenset({"&&", "||", ";", "|"})
HARMLESS = re.compile(r"(?:[A-Za-z0-9_@%+=:,./~*?^-]|\[(?:0-9|[A-Za-z0-9_.])+\])+")
"""Unquoted text that is a plain word; what is behind a backslash is looked at apart."""
SIGNS = re.compile(r"[*?\[\]\\]")
"""What means something else within quotes than outside of them, in names of files."""
SILENCED = re.compile(
    r"""('[^']*'|"(?:[^"\\]|\\.)*"|\\.)|(?<=[ \t])(?:(?:[12]?|&)>>?[ ]?/dev/null|[12]?>&[12]|"""
    r"<[ ]?(?P<file>[A-Za-z0-9_./][A-Za-z0-9_./-]*))(?=[ \t;|&]|$)",
    re.DOTALL,
)
"""Quoted text, or a redirection that writes nothing."""


class Word(Struct, frozen=True):
    """One word of a command, quotes taken away."""

    text: str
    glob: bool = False
    """Whether the shell would expand it to names of files."""
    home: bool = False
    """Whether it begins with the home folder."""


class Line(Struct, frozen=True):
    """What was found in a command line."""

    commands: tuple[tuple[Word, ...], ...] = ()
    """Every command of a line of plain words, in order; empty when it is not one."""
    given: tuple[str, ...] = ()
    """The files that are read in place of what is typed."""
    joins: tuple[str, ...] = ()
    """What stands between them: && || ; |."""
    why: str = ""
    """What makes it more than plain words joined by && || ; |."""
    inside: tuple[tuple[str, ...], ...] = ()
    """Every command anywhere in it, as far as its words are known."""
    written: tuple[str, ...] = ()
    """Where its output is redirected to."""


def read(command: str) -> Line:
    """What the command line says; whatever is not known for certain is not plain. Raises
    ToolError for commands within commands that nobody could follow."""
    root = _root(command)
    inside = tuple(_Inside().of(command))
    written = tuple(_written(root))
    strange = next((c for c in command if not c.isprintable() and c not in "\t\n"), "")
    if strange:
        why = f"it holds a character that cannot be seen (U+{ord(strange):04X})"
    elif "\n" in command.strip():
        why = "it has several lines"
    elif root.has_error:
        why = "it cannot be read as a shell command"
    else:
        try:
            given = tuple(found["file"] for found in SILENCED.finditer(command) if found["file"])
            commands, joins = _plain(SILENCED.sub(lambda found: found[1] or "", command))
            return Line(commands, given, joins, "", inside, written)
        except NotPlain as found:
            why = str(found)
    return Line(why=why, inside=inside, written=written)


class NotPlain(Exception):
    """Something else than plain words stands in the command."""


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _root(command: str) -> Node:
    return _parser().parse(command.encode("utf-8", "surrogatepass")).root_node


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")


def _walk(root: Node) -> Iterator[Node]:
    """The nodes of a tree of any depth, in the order of the text."""
    left = [root]
    while left:
        node = left.pop()
        yield node
        left += reversed(node.children)


# ---------------------------------------------------------------- plain words


def _plain(command: str) -> tuple[tuple[tuple[Word, ...], ...], tuple[str, ...]]:
    """The commands of a line without redirections, and what joins them. Raises NotPlain."""
    commands: list[tuple[Word, ...]] = []
    joins: list[str] = []
    left = list(reversed(_root(command).children))
    while left:
        node = left.pop()
        if node.type in ("list", "pipeline"):
            left += reversed(node.children)
        elif node.type == "command":
            commands.append(tuple(_words(node)))
        elif node.type == "test_command" and _text(node).startswith("[ "):
            (words,), _ = _plain(f"test {_text(node)[1:-1]}")
            commands.append((Word("["), *words[1:], Word("]")))
        elif node.type in JOINED:
            joins.append(node.type)
        else:
            raise NotPlain(f"it holds {_name(node)}")
    if not _agrees(command, commands):
        raise NotPlain("it can be read in two ways")
    return tuple(commands), tuple(joins)


def _words(command: Node) -> Iterator[Word]:
    for child in command.children:
        if child.type == "command_name":
            name = _word(child.children[0])
            if name.glob or name.home or not name.text:
                raise NotPlain("the name of a program is not written out")
            yield name
        else:
            yield _word(child)


def _word(node: Node) -> Word:
    """The word's text. Raises NotPlain for everything that the shell would compute."""
    kind = node.type
    if kind in ("word", "number"):
        return _unquoted(_text(node))
    if kind == "raw_string":
        return Word(_text(node)[1:-1])
    if kind == "string":
        text = _text(node)[1:-1]
        if "`" in text or "$" in text:
            raise NotPlain("it holds a $ or a ` within double quotes")
        return Word(re.sub(r'\\([\\"])', r"\1", text))
    if kind == "concatenation" and _text(node) == "{}":
        return Word("{}")
    if kind == "concatenation":
        parts = [_word(child) for child in node.children]
        text = "".join(part.text for part in parts)
        quoted = (p.text for p, child in zip(parts, node.children, strict=True) if _quoted(child))
        if any(part.glob for part in parts) and any(map(SIGNS.search, quoted)):
            raise NotPlain("it quotes a part of a pattern")
        return Word(text, any(part.glob for part in parts), parts[0].home)
    raise NotPlain(f"it holds {_name(node)}")


def _quoted(node: Node) -> bool:
    return node.type in ("string", "raw_string")


def _unquoted(text: str) -> Word:
    bare = re.sub(r"\\[^\w\s]", "", text, flags=re.ASCII)
    if bare and (not HARMLESS.fullmatch(bare) or "~" in bare[1:]):
        raise NotPlain(f"{text!r} is not a plain word")
    glob = bool(re.search(r"[*?\[]", bare))
    if glob and "\\" in text:
        raise NotPlain("it quotes a part of a pattern")
    home = text.startswith("~")
    if home and text[1:2] not in ("", "/"):
        raise NotPlain("it names another person's home folder")
    return Word(re.sub(r"\\(.)", r"\1", text), glob, home)


def _name(node: Node) -> str:
    """What stands there, in words."""
    shown = _text(node).strip()
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    names = {
        "redirected_statement": "a redirection",
        "variable_assignment": "a variable",
        "simple_expansion": "a variable",
        "expansion": "a variable",
        "command_substitution": "a command within the command",
        "process_substitution": "a command within the command",
        "subshell": "a shell of its own",
        "ansi_c_string": "an encoded string",
        "brace_expression": "braces",
        "comment": "a comment",
        "&": "a command in the background",
        "\n": "several lines",
        "|&": "a redirection",
    }
    what = names.get(node.type, node.type.replace("_", " "))
    return f"{what} ({shown})" if shown else what


def _agrees(command: str, commands: list[tuple[Word, ...]]) -> bool:
    """Whether another reader finds the same words: no trick of the grammar's goes unseen."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    lists: list[list[str]] = [[]]
    try:
        for token in lexer:
            if token in JOINED:
                lists.append([])
            else:
                lists[-1].append(token)
    except ValueError:
        return False
    found = [words for words in lists if words]
    return found == [[word.text for word in words] for words in commands]


# ---------------------------------------------------------------- everything else


class _Inside:
    """Collects every command anywhere in a line, with the words as far as they are known."""

    def __init__(self) -> None:
        self._left = LONG

    def of(self, command: str, depth: int = 0) -> Iterator[tuple[str, ...]]:
        """The commands of a line, and those in strings that it gives to programs to run."""
        self._count(len(command))
        root = _root(command)
        found = _guessed(command) if root.has_error else _commands(root)
        for words in found:
            self._count(sum(map(len, words)))
            yield words
            for text in wrappers.strings(words):
                if WORDY.search(text):
                    if depth == DEEP:
                        raise ToolError(TANGLED)
                    yield from self.of(text, depth + 1)

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ToolError(TANGLED)


TANGLED = (
    "the command holds too many commands within commands to be followed: write them to a file "
    "and run that"
)
WORDY = re.compile(r"[\s;&|$`(<>]")
"""What makes a word more than one word."""


def _commands(root: Node) -> Iterator[tuple[str, ...]]:
    for node in _walk(root):
        if node.type in ("command", "declaration_command", "unset_command", "test_command"):
            words = tuple(word for child in node.children if (word := _roughly(child)))
            if words:
                yield words


def _roughly(node: Node) -> str:
    """The word, or what is written there when the shell would compute it."""
    if node.type == "variable_assignment":
        return ""
    if node.type == "command_name" and node.children:
        return _roughly(node.children[0])
    if node.type == "ansi_c_string":
        return _decoded(_text(node)[2:-1])
    try:
        return _word(node).text
    except NotPlain:
        return re.sub(r"[\"'\\]", "", _text(node))


def _decoded(text: str) -> str:
    """What stands between $' and '."""
    with contextlib.suppress(ValueError):  # then as it is written
        return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return text


def _written(root: Node) -> Iterator[str]:
    """Where output is redirected to, below a node."""
    for node in _walk(root):
        target = node.child_by_field_name("destination") if node.type == "file_redirect" else None
        signs = {child.type for child in node.children}
        if target is not None and not signs & {"<", "<&"} and target.type != "number":
            name = _roughly(target)
            if name != "/dev/null":
                yield name


def _guessed(command: str) -> Iterator[tuple[str, ...]]:
    """What cannot be parsed, cut at everything that might end a command: for refusals only."""
    for part in re.split(r"[;&|\n`(){}]|\$\(", command):
        words = tuple(re.sub(r"[\"'\\]", "", part).split())
        if words:
            yield words
