"""Images in the system's clipboard: terminals hand over text alone, so its own tools are asked."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.media import probe
from tuiagent.kernel.message import Image
from tuiagent.threads import in_thread

PATIENCE = 5.0
"""Seconds for the tool; the program that copied may have to draw the image first."""
MAC = ("osascript", "-e", "the clipboard as «class PNGf»")
"""What macOS has of its own; it writes the bytes in hexadecimal."""
HEX = re.compile(rb"\xc2\xabdata PNGf([0-9A-F]+)\xc2\xbb")


def reader(environ: Mapping[str, str], platform: str = sys.platform) -> Sequence[str] | None:
    """The command that writes the clipboard's image; None where there is none for this screen."""
    if platform == "darwin":
        known: tuple[Sequence[str], ...] = (("pngpaste", "-"), MAC)
    elif environ.get("WAYLAND_DISPLAY"):
        known = (("wl-paste", "--no-newline", "--type", "image/png"),)
    elif environ.get("DISPLAY"):
        known = (("xclip", "-selection", "clipboard", "-target", "image/png", "-out"),)
    else:
        known = ()
    path = environ.get("PATH")
    return next((words for words in known if shutil.which(words[0], path=path)), None)


async def image(words: Sequence[str]) -> bytes | None:
    """The image that is in the clipboard now; None for none, and where the tool fails."""
    import subprocess  # noqa: PLC0415 - only when a person pastes

    def work() -> bytes:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout

    try:
        data = await in_thread(work)
    except (OSError, subprocess.SubprocessError):
        return None
    if found := HEX.match(data):
        data = bytes.fromhex(found[1].decode())
    try:
        return data if isinstance(probe("clipboard", data), Image) else None
    except Refused:
        return None
