"""What is seen of a session and forgotten: words as they come, and why nothing goes on."""

from tuiagent.kernel.event import Signal


class Delta(Signal, frozen=True):
    """Some text of the open attempt, and where in its text it belongs."""

    attempt: str
    offset: int
    text: str
    reasoning: bool = False


class Progress(Signal, frozen=True):
    """Some output of a running call."""

    call: str
    text: str


class Halted(Signal, frozen=True):
    """Nothing goes on, as the journal cannot be written; nothing was lost."""

    why: str
