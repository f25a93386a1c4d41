"""The clipboard of the terminal, also over SSH and through tmux: OSC 52 of xterm's sequences."""

import base64

MOST = 100_000
"""Characters after encoding that terminals take; several drop what is longer without a word."""


def sequence(text: str, tmux: bool) -> str:
    """What has the terminal copy this; "" where it is too long.

    tmux takes the plain one where `set-clipboard` is on, and hands on the wrapped one where
    `allow-passthrough` is; there it is written both ways.
    """
    encoded = base64.b64encode(text.encode(errors="replace")).decode()
    if len(encoded) > MOST:
        return ""
    plain = f"\x1b]52;c;{encoded}\a"
    return plain + (f"\x1bPtmux;\x1b{plain}\x1b\\" if tmux else "")
