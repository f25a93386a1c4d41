"""Secrets and private places in text, and the placeholders that stand for them.

What is a secret is told by its shape (keys as their issuers write them) or by the name next to it.
This finds what is usual, never everything: whoever gives a masked text away reads it first.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

KEYS = {
    "jwt": r"eyJ[\w-]{8,1024}\.[\w-]{4,8192}(?:\.[\w-]{0,8192})?",
    "tuiagent-key": r"tua_[a-z]{1,16}_[\w-]{12,256}",
    "github-token": r"gh[pousr]_[A-Za-z0-9]{16,256}|github_pat_\w{20,256}",
    "gitlab-token": r"gl(?:pat|rt|dt|ptt|soat)-[\w-]{16,256}",
    "slack-token": r"xox[abeoprs]-[\w-]{10,256}|hooks\.slack\.com/services/[\w/]{16,256}",
    "aws-key": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "google-key": r"AIza[\w-]{35}|ya29\.[\w-]{20,512}|GOCSPX-[\w-]{20,64}",
    "stripe-key": r"(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,256}",
    "model-key": r"sk-(?=[\w-]{0,255}\d)[\w-]{16,256}|xai-[\w-]{20,256}|gsk_\w{20,256}"
    r"|hf_[A-Za-z0-9]{20,256}|r8_[A-Za-z0-9]{20,256}",
    "package-token": r"npm_[A-Za-z0-9]{20,256}|pypi-[\w-]{20,512}|dckr_pat_[\w-]{16,256}",
    "service-key": r"SG\.[\w-]{16,64}\.[\w-]{16,64}|do[opr]_v1_[0-9a-f]{32,64}"
    r"|SK[0-9a-f]{32}|key-[0-9a-f]{32}|AGE-SECRET-KEY-1[A-Z0-9]{20,80}|\d{8,10}:AA[\w-]{30,40}",
}
"""Kinds of keys that are known by how they begin, where a word begins, and what follows."""
MARKS = (
    "eyJ tua_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glrt- gldt- glptt- glsoat- xox "
    "hooks.slack.com/ AKIA ASIA ABIA ACCA AIza ya29. GOCSPX- k_live_ k_test_ whsec_ sk- xai- gsk_ "
    "hf_ r8_ npm_ pypi- dckr_pat_ SG. _v1_ SK key- AGE-SECRET-KEY-1 :AA"
).split()
"""One of these stands in every such key: a text without them need not be looked at further."""
PIECE = 1 << 16
"""Characters, about, that are looked at together; no such key goes on in the next line."""
PARTS = {
    "private-key": r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z))",
    "authorization": r"\b[Bb](?i:earer|asic)[ \t]{1,4}([A-Za-z0-9._~+/=-]{12,4096})",
    "url-password": r"://[^\s/:@<>]{0,256}:([^\s/@<>]{1,256})@",
}
"""Kinds of secrets that are a part of something, in brackets."""
WORDS = r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
NAME = re.compile(
    rf"(?i:(?:.*[_.-])?(?:{WORDS})s?(?:[_-]\w+)?)|\w*(?:Password|Secret|Token|ApiKey|AccessKey)"
)
"""A name under which a secret is kept."""
NAMED = re.compile(
    rf"(?=[AaPpSsTt])(?i:({WORDS})[\w-]{{0,24}})[\"'\\]{{0,4}}[ \t]{{0,4}}(?:=>|:=|=|:)[ \t]{{0,4}}"
    r"(?:(\\?[\"'])([^\"'\\\r\n<>]{4,256})\2|([^\s\"'\\,;&|<>(){}\[\]`$]{4,256}+)(?![(\[]))"
)
"""A name with its value, in code, settings, JSON (also inside of a string) or an address."""
PASSWORD = re.compile(r"(?i)pass|pwd")
"""Of these the value may be a word; of the other names only what looks like chance counts."""
HARMLESS = re.compile(
    r"(?i:none|null|nil|true|false|undefined|string|str|bytes|int|bool|any|required|optional"
    r"|self\..*|this\..*|os\..*|process\..*|config\..*|settings\..*|args\..*|env[:.].*"
    r"|passw(?:or)?d|secret|token|[*x.•-]+)"
    r"|[A-Z][A-Z0-9]*_[A-Z0-9_]*|[~./].*|https?:.*"
)
"""What stands next to such a name without being a secret: types, other names, places."""
CHANCE = 3.0
"""Bits a character has in a random value, at least."""
LITERAL = 8
"""Characters of a secret that is looked for everywhere, once it was seen somewhere."""
HOMES = re.compile(r"(/home/|/Users/|\\Users\\{1,2})([\w.-]{1,64})(?![\w.-])")
GENERAL = frozenset("root user admin runner ubuntu debian vagrant node app guest shared".split())
"""Names of users that say nothing about anybody."""


class Mask:
    """Puts placeholders in place of secrets; what is the same gets the same one.

    `known` are texts that are masked wherever they stand, with their placeholders. With `places`
    the folders of people are masked too; unless `named`, what only its name tells is not.
    """

    def __init__(
        self, known: Mapping[str, str] | None = None, places: bool = False, named: bool = True
    ) -> None:
        self._known = dict(known or {})
        self._places, self._by_name = places, named
        self._names: dict[str, str] = {}
        self._literals: re.Pattern[str] | None = None
        self._fresh = bool(self._known)
        self._found: Counter[str] = Counter()
        self._parts = [(kind, re.compile(shape)) for kind, shape in PARTS.items()]
        groups = (f"(?P<{kind.replace('-', '_')}>{shape})" for kind, shape in KEYS.items())
        self._keys = re.compile(rf"\b(?:{'|'.join(groups)})")

    @property
    def found(self) -> dict[str, int]:
        """How many different secrets of each kind were met, and how often each known text."""
        return dict(sorted(self._found.items()))

    def learn(self, value: Any) -> None:
        """Looks for secrets in what comes later, so that they are masked from the start."""
        self._walk(value, "", self._by_shape)

    def text(self, text: str) -> str:
        """The text with placeholders."""
        text = self._by_shape(text)
        if self._fresh:
            self._compile()
        if self._literals is not None:
            text = self._literals.sub(self._literal, text)
        return HOMES.sub(self._home, text) if self._places else text

    def value(self, value: Any) -> Any:
        """The same for plain data, as of JSON: names there count like those in a text."""
        return self._walk(value, "", self.text)

    def _walk(self, value: Any, name: str, masked: Callable[[str], str]) -> Any:
        """The data with its texts masked; `name` is what it is kept under."""
        if isinstance(value, str):
            if len(name) < 100 and NAME.fullmatch(name) and _secret(name, value):
                return self._placeholder("secret", value)
            return masked(value)
        if isinstance(value, Mapping):
            items = cast(Mapping[str, Any], value).items()
            return {masked(key): self._walk(more, key, masked) for key, more in items}
        if isinstance(value, list | tuple):
            return [self._walk(more, name, masked) for more in cast(list[Any], value)]
        return value

    def _by_shape(self, text: str) -> str:
        for kind, shape in self._parts:
            text = shape.sub(partial(self._part, kind, 1), text)
        text = "".join(map(self._without_keys, _pieces(text)))
        return NAMED.sub(self._named, text) if self._by_name else text

    def _without_keys(self, text: str) -> str:
        return self._keys.sub(self._key, text) if any(mark in text for mark in MARKS) else text

    def _key(self, match: re.Match[str]) -> str:
        return self._placeholder((match.lastgroup or "").replace("_", "-"), match[0])

    def _named(self, match: re.Match[str]) -> str:
        group = 3 if match[3] is not None else 4
        return self._part("secret", group, match) if _secret(match[1], match[group]) else match[0]

    def _part(self, kind: str, group: int, match: re.Match[str]) -> str:
        """What was found, with a placeholder for this group of it."""
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match[0][:start] + self._placeholder(kind, match[group]) + match[0][end:]

    def _placeholder(self, kind: str, secret: str) -> str:
        name = self._names.get(secret)
        if name is None:
            self._found[kind] += 1
            name = self._names[secret] = f"<{kind}-{self._found[kind]}>"
            self._fresh = self._fresh or len(secret) >= LITERAL
        return name

    def _compile(self) -> None:
        """What is masked wherever it stands, the longest first."""
        self._fresh = False
        parts = {re.escape(text): text for text in self._names if len(text) >= LITERAL}
        parts |= {rf"(?<![\w.-]){re.escape(text)}(?![\w-])": text for text in self._known if text}
        if parts:
            ordered = sorted(parts, key=lambda part: -len(parts[part]))
            self._literals = re.compile("|".join(ordered))

    def _literal(self, match: re.Match[str]) -> str:
        name = self._names.get(match[0])
        if name is None:
            name = self._known[match[0]]
            self._found[name.strip("<>")] += 1
        return name

    def _home(self, match: re.Match[str]) -> str:
        if match[2].lower() in GENERAL:
            return match[0]
        return match[1] + self._placeholder("person", match[2])


def _pieces(text: str) -> Iterator[str]:
    """The text in parts that are whole lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _secret(name: str, value: str) -> bool:
    """Whether the value that is kept under this name looks like a secret."""
    if HARMLESS.fullmatch(value) or not value.strip():
        return False
    if PASSWORD.search(name):
        return True
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= 12 and mixed and bits >= CHANCE and " " not in value
