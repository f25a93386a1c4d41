"""Prompts: what people say to the agent, and the epochs in which a model sees it."""

from typing import Any

import msgspec

from tuiagent.kernel.compact import Shortened
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.media import File, attached
from tuiagent.kernel.message import Media, ToolSpec, Usage

RENEWED = "tools renewed"
"""Why an epoch began that a person asked for, for the sake of its tools."""

# ---------------------------------------------------------------- facts


class PromptSubmitted(Fact, frozen=True):
    """Somebody said something to the agent."""

    prompt: str
    text: str
    steer: bool = False
    """For the run that is going on, before its next model call; else it waits its turn."""
    limits: Limits = Limits()
    media: tuple[Media, ...] = ()
    """Images and documents that belong to it."""
    schema: dict[str, Any] | None = None
    """The JSON schema that the final answer of its run should fit; None for words."""


class PromptWithdrawn(Fact, frozen=True):
    """A waiting prompt was taken back."""

    prompt: str


class ShorteningRequested(Fact, frozen=True):
    """The conversation is made shorter before the model is asked again."""


class RenewalRequested(Fact, frozen=True):
    """A new epoch begins before the model is asked again, with the tools that there are then."""


class PromptRebased(Fact, frozen=True):
    """A new epoch: system text, tools and model are fixed until the next one."""

    epoch: int
    reason: str
    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    shortened: Shortened | None = None
    """How the messages follow from those before; None when they stay as they are."""
    usage: Usage | None = None
    """What making it shorter took."""
    cost: float | None = None


class ToolsChanged(Fact, frozen=True):
    """What servers lend is not what it was when the model was last told; the epoch goes on."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class ModelChanged(Fact, frozen=True):
    """Another model answers from the next model call on."""

    model: str
    why: str = ""
    """Why it takes over, where the one before did not answer."""


# ---------------------------------------------------------------- intents


class SubmitPrompt(Intent, frozen=True):
    """Say something to the agent; opens no session by itself."""

    prompt: str
    text: str
    steer: bool = False
    limits: Limits = Limits()
    files: tuple[File, ...] = ()
    """Images and documents; the fact keeps their hashes, and the store their bytes."""
    media: tuple[Media, ...] = ()
    """Others, whose bytes the store has; the engine puts them with the files."""
    schema: dict[str, Any] | None = None
    """The JSON schema that the final answer should fit; a run checks nothing by it."""


class ShortenConversation(Intent, frozen=True):
    """Make the conversation shorter before the model is asked again."""


class RenewTools(Intent, frozen=True):
    """Tell the model of the tools that there are now: what a provider's cache held is lost."""


class WithdrawPrompt(Intent, frozen=True):
    """Take a waiting prompt back."""

    prompt: str


class RebasePrompt(Intent, frozen=True):
    """Begin a new epoch."""

    reason: str
    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    shortened: Shortened | None = None
    """How the messages follow from those before; None when they stay as they are."""
    usage: Usage | None = None
    """What making it shorter took."""
    cost: float | None = None


class TellTools(Intent, frozen=True):
    """Tell the model which lent tools have come and gone."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class ChangeModel(Intent, frozen=True):
    """Let another model answer."""

    model: str
    why: str = ""


def submitted(intent: SubmitPrompt, steer: bool) -> PromptSubmitted:
    """What was said, with what was put into it. Raises Refused."""
    if intent.media:
        raise Refused("images are named here whose bytes nobody brought")
    media = attached(intent.files)
    if not intent.text.strip() and not media:
        raise Refused("the prompt is empty")
    said = (intent.prompt, intent.text, steer, intent.limits, media, intent.schema)
    return PromptSubmitted(*said)


def rebased(epoch: int, intent: RebasePrompt) -> list[Fact]:
    """The epoch after this one."""
    fields = msgspec.structs.asdict(intent)
    del fields["stream"]
    return [PromptRebased(epoch + 1, **fields)]


def decide_shortening(epoch: int, asked: bool) -> list[Fact]:
    """That it is asked for, unless it is already. Raises Refused."""
    if not epoch:
        raise Refused("nothing was said yet")
    return [] if asked else [ShorteningRequested()]


def decide_renewal(epoch: int, asked: bool, agent: str, at: At) -> list[Fact]:
    """Likewise; what an epoch costs is a person's to spend. Raises Refused."""
    if not epoch:
        raise Refused("nothing was said yet: the first prompt has all tools that there are")
    if at.actor == agent:
        raise Refused("an agent does not begin its own prompt anew")
    return [] if asked else [RenewalRequested()]
