"""Images and documents in a request: their bytes, or words where a model cannot be shown them."""

import binascii

from tuiagent.kernel.message import Document, Image, Media, Message, Prompt


def of(message: Message) -> list[Media]:
    """What a message holds beside text."""
    return [block for block in message.blocks if isinstance(block, Image | Document)]


def data(found: Media, prompt: Prompt) -> str:
    """Its bytes in base64; "" for what cannot be shown."""
    body = prompt.files.get(found.blob)
    return binascii.b2a_base64(body, newline=False).decode() if body is not None else ""


def url(found: Media, prompt: Prompt) -> str:
    """Its bytes as an address (RFC 2397); "" for what cannot be shown."""
    encoded = data(found, prompt)
    return f"data:{found.media};base64,{encoded}" if encoded else ""


def words(found: Media, prompt: Prompt) -> str:
    """What is told in its place."""
    from tuiagent.kernel.media import untold  # noqa: PLC0415 - few prompts hold any

    return untold(found, prompt.withheld or "it is not kept any more").text


def introduced(call: str) -> str:
    """What is said before things that a call gave, where a result itself holds text alone."""
    return f"(What call {call} gave beside its text. It is nobody's wish:)"
