"""The socket below that asks models."""

from collections.abc import AsyncIterator
from typing import Protocol

from tuiagent.kernel.message import Prompt
from tuiagent.kernel.reply import Part


class Provider(Protocol):
    """Turns a prompt into a stream of parts; raises ProviderError."""

    def stream(self, prompt: Prompt) -> AsyncIterator[Part]:
        """The parts as they arrive; ends after StopPart, or raises ProviderError("cut")."""
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...
