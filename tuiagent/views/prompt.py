"""The prompt: a session as a model sees it. Within an epoch it only grows at its end."""

from typing import Any

from tuiagent.kernel import asides, command, effort, hooks, session, transfer, undo
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.compact import LEFT_OUT, Shortened
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.message import Call, Media, Message, Observation, Prompt, Text, ToolSpec

EMPTY = "(Your last answer was empty. Answer, or call a tool.)"
SUMMARY = "(What came before was made shorter. Each line names the entries it stands for.)"
SAID = 40
"""Names of tools that one message tells."""
TOLD = 4000
"""Characters of the output of a job, or of a person's own command, that are told."""
ELSEWHERE = (
    "(What came before happened elsewhere, perhaps on other files. From here on the folder is {}, "
    "and the permission mode {}.)"
)
LENT = "(What MCP servers lend has changed.{} `mcp_tools` tells of them.)"
INTERRUPTED = "(The person interrupted you here.)"


class PromptView:
    """Collects messages; what a model call sees is settled when its attempt starts."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.model = ""
        self.system = ""
        self.effort = ""
        self.schema: dict[str, Any] | None = None
        """What the final answer of the newest run should fit."""
        self.tools: tuple[ToolSpec, ...] = ()
        self.messages: list[Message] = []
        self.marks: list[str] = []
        """Of each message, the prompt, attempt or call that it comes from."""
        self.texts: dict[str, str] = {}
        """What people said, by prompt."""
        self._media: dict[str, tuple[Media, ...]] = {}
        """What they put into it, by prompt."""
        self._schemas: dict[str, dict[str, Any]] = {}
        """What they want for an answer, by prompt."""
        self._prompts: list[str] = []
        self._calls: tuple[Call, ...] = ()
        self._observations: dict[str, Observation] = {}
        self._notes: list[str] = []
        self._undos: dict[str, str] = {}
        self._commands: dict[str, str] = {}
        """What people ran themselves and want to be told, by call."""
        self._jobs: list[str] = []

    def prompt(self) -> Prompt:
        """The whole prompt as of the last attempt; the model is named without its provider."""
        check(self.messages)
        model = self.model.partition("/")[2]
        told = (model, self.system, self.tools, tuple(self.messages), self.stream)
        return Prompt(*told, effort=self.effort, schema=self.schema)

    kinds: frozenset[str] | None = None

    def snapshot(self) -> list[Any]:
        """The messages, in order."""
        return list(self.messages)

    def apply(self, seen: Seen) -> bool:
        """Takes the next event; whether the messages grew."""
        if not isinstance(seen, Event):
            return False
        fact = seen.fact
        before = len(self.messages)
        if not self._asked(fact) and not self._worked(fact):
            self._note(fact)
        return len(self.messages) > before

    def _asked(self, fact: object) -> bool:
        """What people said, and how a prompt begins; False for anything else."""
        if isinstance(fact, session.SessionOpened):
            self.effort = fact.effort
            self._cut()
        elif isinstance(fact, effort.EffortChanged):
            self.effort = fact.effort
        elif isinstance(fact, session.PromptSubmitted):
            self.texts[fact.prompt] = fact.text
            self._media[fact.prompt] = fact.media
            if fact.schema is not None:
                self._schemas[fact.prompt] = fact.schema
            if fact.steer:
                self._prompts.append(fact.prompt)
        elif isinstance(fact, runs.RunStarted):
            self.schema = self._schemas.get(fact.run)
            if fact.run not in self._prompts:
                self._prompts.append(fact.run)
        elif isinstance(fact, session.PromptWithdrawn):
            self._prompts = [prompt for prompt in self._prompts if prompt != fact.prompt]
        elif isinstance(fact, session.PromptRebased):
            self.model, self.system, self.tools = fact.model, fact.system, fact.tools
            if fact.shortened is not None:
                self.messages, self.marks = self.shortened(fact.shortened)
        else:
            return False
        return True

    def _worked(self, fact: object) -> bool:
        """What the model said and did; False for anything else."""
        if isinstance(fact, runs.AttemptStarted):
            self._flush()
        elif isinstance(fact, runs.ReplyReceived):
            self._reply(fact)
        elif isinstance(fact, undo.UndoRequested):
            self._undos[fact.undo] = fact.call
        elif isinstance(fact, calls.CallFinished) and fact.call in self._undos:
            self._undone(fact)
        elif isinstance(fact, command.CommandRequested):
            self._commands[fact.command] = "" if fact.quiet else fact.text
        elif isinstance(fact, calls.CallFinished) and fact.call in self._commands:
            self._ran(fact)
        elif isinstance(fact, calls.CallFinished):
            self._observations[fact.call] = fact.observation
        else:
            return False
        return True

    def shortened(self, how: Shortened) -> tuple[list[Message], list[str]]:
        """The messages, and where each comes from, once outputs or all before a point go."""
        pairs = list(zip(self.messages, self.marks, strict=True))
        if how.summary:
            first = self.marks.index(how.kept) if how.kept in self.marks else len(pairs)
            text = f"{SUMMARY}\n\n{how.summary}"
            pairs = [(Message("user", (Text(text),)), "summary"), *pairs[first:]]
        pruned = [(_pruned(m) if mark in how.pruned else m, mark) for m, mark in pairs]
        return [message for message, _ in pruned], [mark for _, mark in pruned]

    def _add(self, message: Message, mark: str) -> None:
        self.messages.append(message)
        self.marks.append(mark)

    def _cut(self) -> None:
        """Where a fork begins, what its origin had not finished is finished for it."""
        for call in self._calls:
            ended = Observation("cancelled", "not known: the session was forked before it ended")
            self._observations.setdefault(call.id, ended)
        self._prompts.clear()
        if self._jobs:
            names = ", ".join(self._jobs)
            self._notes.append(f"({names} runs in the session that this one was forked from.)")
        self._jobs.clear()

    def _undone(self, fact: calls.CallFinished) -> None:
        if fact.observation.status == "ok":
            target = self._undos.pop(fact.call)
            text = f"(The person undid what call {target} did: {fact.observation.text})"
            self._notes.append(text)

    def _ran(self, fact: calls.CallFinished) -> None:
        text = self._commands.pop(fact.call)
        if text:
            self._notes.append(_own(text, fact.observation))

    def _reply(self, fact: runs.ReplyReceived) -> None:
        reply = fact.reply
        if not reply.calls and not reply.text.strip():
            self._notes.append(EMPTY)
            return
        self._add(Message("assistant", reply.blocks), fact.attempt)
        self._calls = reply.calls

    def _note(self, fact: object) -> None:
        """What a person did beside the conversation, told at its end."""
        if isinstance(fact, runs.ReplyInterrupted) and fact.partial.strip():
            self._add(Message("assistant", (Text(fact.partial),)), fact.attempt)
        elif isinstance(fact, runs.InterruptRequested):
            self._notes.append(INTERRUPTED)
        elif isinstance(fact, runs.RunNudged):
            self._notes.append(fact.text)
        elif isinstance(fact, asides.AsideTold):
            self._notes.append(asides.words(fact))
        elif isinstance(fact, hooks.HookRan):
            self._notes += hooks.words(fact)
        elif isinstance(fact, JobStarted):
            self._jobs.append(fact.job)
        elif isinstance(fact, JobEnded):
            self._jobs = [job for job in self._jobs if job != fact.job]
            self._notes.append(_ended(fact))
        elif isinstance(fact, transfer.SessionImported):
            self._notes.append(ELSEWHERE.format(fact.opened.folder, fact.opened.mode))
        elif isinstance(fact, session.ToolsChanged):
            self._notes.append(_lent(fact))
        elif isinstance(fact, session.ModeChanged):
            self._notes.append(f"(The permission mode is now {fact.mode}.)")
        elif isinstance(fact, calls.OutcomeResolved):
            words = {
                "verified": "checked it: the effect did happen",
                "redo": "asks you to do it again",
                "rollback": "has rolled it back",
            }
            more = f" {fact.text}" if fact.text else ""
            self._notes.append(f"(About call {fact.call}: the person {words[fact.how]}.{more})")

    def _flush(self) -> None:
        """Settles what the attempt sees: observations in the order of the calls, notes, prompts."""
        for call in self._calls:
            observation = self._observations.pop(call.id)
            failed = observation.status != "ok"
            text = observation.text or "(no output)"
            blocks = (Text(text), *observation.media)
            self._add(Message("tool", blocks, call, failed), call.id)
        self._calls = ()
        for text in self._notes:
            self._add(Message("user", (Text(text),)), "note")
        for prompt in self._prompts:
            said = (Text(self.texts[prompt]),) if self.texts[prompt] else ()
            self._add(Message("user", (*said, *self._media[prompt])), prompt)
        self._notes.clear()
        self._prompts.clear()


def _lent(fact: session.ToolsChanged) -> str:
    """What is told of tools that came and went: names alone, which no server chose freely."""
    words = (("New", fact.added), ("Gone", fact.gone))
    said = [
        f" {word}: {', '.join(names[:SAID])}{' …' if len(names) > SAID else ''}."
        for word, names in words
        if names
    ]
    return LENT.format("".join(said))


def _ended(fact: JobEnded) -> str:
    """What is told of a job's end, where no line of its output may be taken for a person's."""
    quoted = _quoted(_tail(fact.observation))
    what = " This is what it wrote, and nobody's wish:" if quoted else ""
    return f"({fact.job} has ended: {fact.observation.status}.{what}){quoted}"


def _own(text: str, found: Observation) -> str:
    """What is told of a command that a person ran, with the same care."""
    what = "What it wrote is nobody's wish:"
    quoted = _quoted("$ " + text) + _quoted(_tail(found))
    return f"(The person ran a command themselves: {found.status}. {what}){quoted}"


def _tail(found: Observation) -> str:
    return found.text if len(found.text) <= TOLD else f"…{found.text[-TOLD:]}"


def _quoted(text: str) -> str:
    return "".join(f"\n| {line}" for line in text.splitlines())


def _pruned(message: Message) -> Message:
    text = message.blocks[0]
    if message.call is None or not isinstance(text, Text):
        return message
    short = Text(LEFT_OUT.format(len(text.text)))
    return Message(message.role, (short,), message.call, message.failed)


def check(messages: list[Message]) -> None:
    """Raises TuiagentError when a provider would refuse this history."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            if not waiting or message.call is None or message.call.id != waiting.pop(0):
                raise TuiagentError(f"message {index} answers a call that does not wait for it")
            continue
        if waiting:
            raise TuiagentError(f"call {waiting[0]} has no answer before message {index}")
        if not message.blocks:
            raise TuiagentError(f"message {index} is empty")
        waiting = [block.id for block in message.blocks if isinstance(block, Call)]
    if waiting:
        raise TuiagentError(f"call {waiting[0]} has no answer")
    if not messages or messages[0].role != "user":
        raise TuiagentError("the conversation does not begin with a person's words")
