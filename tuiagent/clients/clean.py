"""The one function that text of others passes on its way to a terminal."""

import re

ESCAPES = (
    r"\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$|(?=\x1b))"  # OSC, DCS, SOS, PM, APC
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$|(?=\x1b))"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$|(?=[^ -~]))"  # CSI
    r"|\x1b[ -/]*(?:[0-~]|$|(?=[^ -~]))"  # the rest
)
CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
HIDDEN = (
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff\U0010eeee]"
)


def clean(text: str) -> str:
    """The text without escape sequences and control characters; what would hide is shown.

    Line feeds and tabs stay. Directional marks, zero-width and tag characters become \\u escapes,
    and so do halves of a pair, bytes of file names that are no text, and what stands for a picture.
    """
    if text.isprintable():
        return text  # neither controls nor what hides is, nor halves of a pair
    text = re.sub(ESCAPES, "", text.replace("\r\n", "\n"))
    text = re.sub(CONTROLS, "", text)
    return re.sub(HIDDEN, lambda match: _escape(match[0]), text)


def plain(json: str) -> str:
    """JSON that means the same, in which nothing steers a terminal or hides from whoever reads it.

    Below U+0020 JSON has escapes in any case.
    """
    return re.sub(f"[\x7f-\x9f]|{HIDDEN}", lambda match: _units(match[0]), json)


def _units(char: str) -> str:
    data = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
