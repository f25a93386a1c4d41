"""What a shell command says, by a real grammar: which commands, which words, what is written."""

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache

import tree_sitter_bash
from msgspec import Struct
from tree_sitter import Language, Node, Parser

DEEP = 4
"""Commands within commands (`sh -c`, `eval`) that are followed."""
JOINED = frozenset({"&&", "||", ";", "|"})
HARMLESS = re.compile(r"[A-Za-z0-9_@%+=:,./~*?\[\]^-]+")
"""Unquoted text that is a plain word; what is behind a backslash is looked at apart."""
SHELLS = frozenset("bash sh dash zsh ksh ash eval".split())


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
    joins: tuple[str, ...] = ()
    """What stands between them: && || ; |."""
    why: str = ""
    """What makes it more than plain words joined by && || ; |."""
    inside: tuple[tuple[str, ...], ...] = ()
    """Every command anywhere in it, as far as its words are known."""
    written: tuple[str, ...] = ()
    """Where its output is redirected to."""


def read(command: str, depth: int = 0) -> Line:
    """What the command line says; whatever is not known for certain is not plain."""
    root = _parser().parse(command.encode("utf-8", "surrogatepass")).root_node
    inside = tuple(_inside(root, depth)) if not root.has_error else _guessed(command)
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
            parts = tuple(_plain(root))
            commands = tuple(part for part in parts if isinstance(part, tuple))
            joins = tuple(part for part in parts if isinstance(part, str))
            if _agrees(command, commands):
                return Line(commands, joins, "", inside, written)
            why = "it can be read in two ways"
        except NotPlain as found:
            why = str(found)
    return Line(why=why, inside=inside, written=written)


class NotPlain(Exception):
    """Something else than plain words stands in the command."""


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")


# ---------------------------------------------------------------- plain words


def _plain(node: Node) -> Iterator[tuple[Word, ...] | str]:
    """The commands below a program, list or pipeline, and what joins them. Raises NotPlain."""
    for child in node.children:
        if child.type in ("list", "pipeline"):
            yield from _plain(child)
        elif child.type == "command":
            yield tuple(_words(child))
        elif child.type in JOINED:
            yield child.type
        else:
            raise NotPlain(f"it holds {_name(child)}")


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
        if re.search(r"\\[^\\\"]", text) or "`" in text or "$" in text:
            raise NotPlain("it holds a backslash, a $ or a ` within double quotes")
        return Word(re.sub(r"\\(.)", r"\1", text))
    if kind == "concatenation":
        parts = [_word(child) for child in node.children]
        text = "".join(part.text for part in parts)
        return Word(text, any(part.glob for part in parts), parts[0].home)
    raise NotPlain(f"it holds {_name(node)}")


def _unquoted(text: str) -> Word:
    bare = re.sub(r"\\[^\w\s]", "", text, flags=re.ASCII)
    if bare and (not HARMLESS.fullmatch(bare) or "~" in bare[1:]):
        raise NotPlain(f"{text!r} is not a plain word")
    home = text.startswith("~")
    if home and text[1:2] not in ("", "/"):
        raise NotPlain("it names another person's home folder")
    return Word(re.sub(r"\\(.)", r"\1", text), bool(re.search(r"[*?\[]", bare)), home)


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


def _agrees(command: str, commands: tuple[tuple[Word, ...], ...]) -> bool:
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


def _inside(node: Node, depth: int) -> Iterator[tuple[str, ...]]:
    """Every command below a node, with the words as far as they are known."""
    if node.type in ("command", "declaration_command", "unset_command", "test_command"):
        words = tuple(_roughly(child) for child in node.children)
        words = tuple(word for word in words if word)
        if words:
            yield words
            yield from _given(words, depth)
    for child in node.children:
        yield from _inside(child, depth)


def _given(words: tuple[str, ...], depth: int) -> Iterator[tuple[str, ...]]:
    """The commands in a string that a shell is given to run."""
    name = words[0].rpartition("/")[2]
    if name not in SHELLS or depth >= DEEP:
        return
    flags = [n for n, word in enumerate(words) if re.fullmatch(r"-[a-z]*c[a-z]*", word)]
    if name == "eval":
        yield from read(" ".join(words[1:]), depth + 1).inside
    elif flags and len(words) > flags[0] + 1:
        yield from read(words[flags[0] + 1], depth + 1).inside


def _roughly(node: Node) -> str:
    """The word, or what is written there when the shell would compute it."""
    if node.type == "variable_assignment":
        return ""
    if node.type == "command_name" and node.children:
        return _roughly(node.children[0])
    try:
        return _word(node).text
    except NotPlain:
        return re.sub(r"[\"'\\]", "", _text(node))


def _written(node: Node) -> Iterator[str]:
    """Where output is redirected to, below a node."""
    if node.type == "file_redirect":
        target = node.child_by_field_name("destination")
        signs = {child.type for child in node.children}
        if target is not None and not signs & {"<", "<&"} and target.type != "number":
            yield _roughly(target)
    for child in node.children:
        yield from _written(child)


def _guessed(command: str) -> tuple[tuple[str, ...], ...]:
    """What cannot be parsed, cut at everything that might end a command: for refusals only."""
    parts = re.split(r"[;&|\n`(){}]|\$\(", command)
    found = (tuple(re.sub(r"[\"'\\]", "", part).split()) for part in parts)
    return tuple(words for words in found if words)
