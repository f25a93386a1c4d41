"""What happens in a golden journal: every kind of fact, every field set at least once.

It is told by intents, so that it is a life that sessions can have; clock, ids and key are fixed.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.pictures import pdf, png
from tuiagent.engine.clock import World
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, Request, Work, deliver
from tuiagent.engine.seal import Sealer
from tuiagent.engine.transfer import exported
from tuiagent.engine.veil import Veil
from tuiagent.kernel import (
    asides,
    command,
    directory,
    grants,
    hooks,
    jobs,
    lifecycle,
    session,
    standing,
    transfer,
    undo,
)
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.compact import Shortened
from tuiagent.kernel.effort import ChangeEffort, MoveProviders
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.media import File, blobs
from tuiagent.kernel.media import digest as digest_of
from tuiagent.kernel.message import (
    Call,
    Command,
    Diff,
    Document,
    Image,
    Observation,
    Question,
    Reasoning,
    Reply,
    Text,
    Todo,
    Todos,
    ToolSpec,
    Usage,
)
from tuiagent.kernel.prompts import (
    ChangeModel,
    RebasePrompt,
    RenewTools,
    ShortenConversation,
    TellTools,
    WithdrawPrompt,
)
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.stall import ResumeRun, StallRun
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.vaults.signer import Signer

START = 1_800_000_000.0
FOLDER = "/work/golden"
TOOLS = (ToolSpec("write", "Writes a file.", {"type": "object"}), ToolSpec("shell", "Runs.", {}))
OPENED = lifecycle.SessionOpened(
    FOLDER,
    "openai/gpt-5.5",
    "ask",
    {"PATH": "/usr/bin", "LANG": "de_DE.UTF-8"},
    {"openai": "env:OPENAI_API_KEY"},
    {"openai": "http://127.0.0.1:9/v1"},
    (
        Rule("deny", "*", "/state/**", "house"),
        Rule("allow", "list", "", "user", START + 9e5, 7),
        Rule("allow", "shell", "touch y", "user"),
    ),
    "helper",
    "Größe: golden",
    skills=("review-diff",),
    sandbox="bwrap",
    effort="low",
)
USAGE = Usage(1200, 80, 700, 300, 40)
BEFORE = b"one\n" * 5000
"""What stood in a file; so long that a blob holds it."""


class Clockwork(World):
    """A second passes with each look at the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.time = START

    def now(self) -> float:
        """One second later than the last time."""
        self.time += 1.0
        return self.time


class Direct:
    """Commits each piece of work by itself, in this thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def run(self, work: Work) -> Any:
        """See engine.journal.Writer."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        deliver(self._journal, self._journal.commit([work]), [future])
        return await future

    def close(self) -> None:
        """Nothing waits."""


class Teller:
    """Says what people and agents want in one session."""

    def __init__(self, journal: Journal, stream: str, agent: str = "agent") -> None:
        self.journal = journal
        self.stream = stream
        self.agent = agent
        self.fence = 0

    async def says(self, kind: type[Intent], *args: Any, once: str = "", **more: Any) -> None:
        """A person wants it."""
        intent = kind(self.stream, *args, **more)
        kept = blobs(intent.files) if isinstance(intent, session.SubmitPrompt) else {}
        await self.journal.write(Request(self.stream, (intent,), "owner", once, blobs=kept))

    async def does(
        self, kind: type[Intent], *args: Any, blobs: Mapping[str, bytes] | None = None
    ) -> None:
        """The agent reports it."""
        intent = kind(self.stream, *args)
        request = Request(self.stream, (intent,), self.agent, "", self.fence, blobs or {})
        await self.journal.write(request)

    async def drives(self) -> None:
        """A process takes the session, for the first time or anew."""
        claim = await self.journal.reclaim(self.stream)
        assert claim is not None
        self.fence = claim.fence

    async def asked(self, text: str = "Do it.", prompt: str = "p1", **more: Any) -> None:
        """A session with a prompt, up to the first question to the model."""
        await self.says(session.OpenSession, more.pop("opened", OPENED), once=f"open {self.stream}")
        await self.says(session.SubmitPrompt, prompt, text, False, more.pop("limits", Limits()))
        await self.drives()
        system = "Be brief. " * (2000 if self.stream == "session/bb" else 1)
        await self.does(RebasePrompt, "first", "openai/gpt-5.5", system, TOOLS, 100_000)
        await self.does(runs.StartAttempt)

    async def judged(self, call: str, claims: Claims) -> str:
        """The call is judged; the digest that an answer has to name."""
        await self.does(calls.JudgeCall, call, claims)
        events = self.journal.events(self.stream)
        return [e.fact.digest for e in events if isinstance(e.fact, calls.CallJudged)][-1]


def writes(path: str, **more: Any) -> Claims:
    """What writing this file touches."""
    return Claims("write", "write", path, writes=(path,), folder=FOLDER, **more)


async def tell(root: Path) -> None:
    """Makes the whole journal, and the copy of its seals, in this folder."""
    root.mkdir(mode=0o700)
    key = root / "key"
    key.touch(0o600)
    key.write_bytes(bytes(range(32)))
    with closing(SqliteStore(str(root / "journal.db"))) as store:
        store.hold("golden")
        journal = Journal(store, codec(), "golden", Clockwork())
        journal.writer = Direct(journal)
        sealer = Sealer(journal, Hub(), lambda: Signer(str(key)), str(root / "seals.jsonl"))
        await _much(Teller(journal, "session/aa", "helper"))
        await sealer.seal()
        await _others(journal)
        await sealer.seal()
    key.unlink()


async def _much(a: Teller) -> None:
    """The session in which nearly everything happens."""
    await a.asked("Always test. Do it.", limits=Limits(50, 9.5, 90_000.0))
    await a.does(runs.FailAttempt, "p1.1", "network", "gone", START + 9.0, "Half")
    await a.does(runs.StartAttempt)
    await _calls(a)
    await _rounds(a)
    await a.says(session.ChangeMode, "accept-edits")
    await a.says(grants.ChangeSandbox, "off")
    await a.says(session.SubmitPrompt, "p3", "Later.")
    await a.says(WithdrawPrompt, "p3")
    await a.says(runs.InterruptRun, True)
    await a.does(runs.InterruptReply, "p1.6", "I was ab")
    await a.does(runs.EndRun)
    await a.says(undo.UndoCall, "p1.2.1", f"{FOLDER}/a.txt", 1)
    await a.does(undo.ProposeUndo, "undo1", {"files": [{"path": f"{FOLDER}/a.txt"}]})
    await a.judged("undo1", writes(f"{FOLDER}/a.txt"))
    await a.does(calls.StartCall, "undo1", {})
    await a.does(calls.FinishCall, "undo1", Observation("ok", "undone: a.txt"))
    await _own_commands(a)
    await a.says(ChangeModel, "openai/gpt-5", "the other one did not answer")
    await a.says(ChangeEffort, "high")
    await a.says(MoveProviders, {"openai": "env:OTHER_KEY"}, {"openai": "http://127.0.0.1:4001/v1"})
    await a.says(grants.ConfigureRules, (Rule("ask", "shell", "rm *", "project"),))
    await a.says(lifecycle.NameSession, "golden")
    await a.says(lifecycle.ArchiveSession)
    await a.says(lifecycle.ArchiveSession, False)


async def _own_commands(a: Teller) -> None:
    """Two commands that a person ran, of which one is not told to the model."""
    for number, quiet in ((1, False), (2, True)):
        name = f"command{number}"
        await a.says(command.RunCommand, "git status", quiet)
        await a.judged(name, Claims("shell", "execute", "git status", folder=FOLDER))
        await a.does(calls.StartCall, name, {})
        await a.does(calls.FinishCall, name, Observation("ok", "clean"))


async def _calls(a: Teller) -> None:
    """One reply with a call of each sort, and what becomes of them."""
    blocks = (
        Reasoning("I think.", {"signature": "s1"}),
        Text("On it. 🐈"),
        Call("p1.2.1", "write", {"path": "a.txt", "content": "two"}, "", "call_1"),
        Call("p1.2.2", "shell", None, '{"command": ', details={"signature": "s"}),
        Call("p1.2.3", "ask", {"text": "Which?"}),
        Call("p1.2.4", "shell", {"command": "rm -r x"}),
        Call("p1.2.5", "todo", {"items": []}),
        Call("p1.2.6", "shell", {"command": "make"}),
    )
    reply = Reply(blocks, "calls", USAGE, "gpt-5.5-2026-04-23")
    await a.does(runs.ReceiveReply, "p1.2", reply, 0.0125, 1280)
    files = (File("shot.png", png(1024, 768)), File("plan.pdf", pdf("The plan")))
    await a.says(session.SubmitPrompt, "p2", "And quickly.", True, files=files)
    await _changed_file(a)
    await a.does(calls.FinishCall, "p1.2.2", Observation("error", "The arguments are no JSON."))
    await _question(a)
    await _doubt(a)
    await _todos(a)
    await _job(a)


async def _changed_file(a: Teller) -> None:
    """A file is written with other arguments than the agent's, under a rule that is granted."""
    path = f"{FOLDER}/a.txt"
    digest = await a.judged("p1.2.1", writes(path, state=("sha256:0",)))
    yes = {"reason": "fine", "grant": f"write({FOLDER}/*)", "until": START + 9e5, "uses": 3}
    changed = {"path": "a.txt", "content": "three"}
    await a.says(calls.AnswerApproval, "p1.2.1", digest, True, args=changed, **yes)
    await a.judged("p1.2.1", writes(path, state=("sha256:0",)))
    key = hashlib.sha256(BEFORE).hexdigest()
    await a.does(calls.StartCall, "p1.2.1", {"before": key}, blobs={key: BEFORE})
    diff = Diff(path, "@@ -1 +1 @@\n-one\n+three\n", key, "ab" * 32)
    await a.does(calls.FinishCall, "p1.2.1", Observation("ok", "written", (diff,)))


async def _question(a: Teller) -> None:
    """A question that a person answers."""
    await a.judged("p1.2.3", Claims("ask", "ask", "Which?"))
    await a.does(calls.StartCall, "p1.2.3", {})
    await a.does(calls.DeferCall, "p1.2.3", Question("Which?", ("red", "blue")))
    await a.says(calls.AnswerQuestion, "p1.2.3", "blue")


async def _doubt(a: Teller) -> None:
    """A command whose outcome nobody knows until a person looks."""
    shell = Claims(
        "shell",
        "execute",
        "rm -r x",
        (f"{FOLDER}/x",),
        (f"{FOLDER}/y",),
        (f"{FOLDER}/x",),
        (("rm", "-r", "x"),),
        (("rm", "-r", "x"),),
        "it holds a substitution",
        FOLDER,
        ("here",),
        True,
        ("x.test", "pypi.org"),
        "bwrap",
        ("/work/other",),
    )
    digest = await a.judged("p1.2.4", shell)
    await a.says(calls.AnswerApproval, "p1.2.4", digest, True)
    await a.does(calls.StartCall, "p1.2.4", {"spool": "/state/spools/aa.p1.2.4"})
    await a.drives()
    ran = Command("rm -r x", 1, 2.5, 77)
    seen = (ran, Text("no such file"), Question("?"))
    unknown = Observation("unknown", "Nobody knows.", seen)
    await a.does(calls.FinishCall, "p1.2.4", unknown, True)
    await a.says(calls.ResolveOutcome, "p1.2.4", "verified", "I looked.")


async def _todos(a: Teller) -> None:
    """A list of what is to be done, told with an image and a document."""
    kept = pdf("One", "Two")
    media = (
        Image("image/png", "cd" * 32, "seen.png", 640, 480, 2000),
        Document("application/pdf", digest_of(kept), "seen.pdf", len(kept), 2),
    )
    listed = Observation("ok", "1 thing", (Todos((Todo("write the docs", "open"),)),), media)
    await a.judged("p1.2.5", Claims("todo", "read", "todo"))
    await a.does(calls.StartCall, "p1.2.5", {})
    await a.does(calls.FinishCall, "p1.2.5", listed, blobs={digest_of(kept): kept})


async def _job(a: Teller) -> None:
    """A command that goes on in the background, and is stopped."""
    digest = await a.judged(
        "p1.2.6", Claims("shell", "execute", "make", why="?", folder=FOLDER, hosts=("a.test",))
    )
    await a.says(calls.AnswerApproval, "p1.2.6", digest, True)
    note = {"spool": "/state/spools/aa.p1.2.6"}
    await a.does(calls.StartCall, "p1.2.6", note)
    goes_on = Observation("ok", "It goes on as job1.")
    await a.does(calls.FinishCall, "p1.2.6", goes_on, False, note)
    await a.says(jobs.StopJob, "job1")
    ended = Command("make", 143, 60.0, output=hashlib.sha256(BEFORE).hexdigest())
    await a.does(jobs.EndJob, "job1", Observation("error", "It was ended.", (ended,)))


async def _rounds(a: Teller) -> None:
    """The same turn until the model is told so, under a rule; then all is made shorter."""
    for number in (3, 4, 5):
        attempt, call = f"p1.{number}", f"p1.{number}.1"
        await a.does(runs.StartAttempt)
        args = {"path": "b.txt", "content": ""}
        await a.does(runs.ReceiveReply, attempt, Reply((Call(call, "write", args),), "calls"))
        digest = await a.judged(call, writes(f"{FOLDER}/b.txt"))
        if number == 5:  # the rule is used up
            await a.says(calls.AnswerApproval, call, digest, True)
        await a.does(calls.StartCall, call, {})
        await a.does(calls.FinishCall, call, Observation("ok", "written"))
    await a.says(grants.RevokeRule, f"write({FOLDER}/*)")
    await a.says(RenewTools)
    await a.says(ShortenConversation)
    short = Shortened(("p1.3.1",), "- The person wants it done [p1]", "p1.4")
    more = ("openai/gpt-5.5", "Be brief.", TOOLS, 100_000, short, Usage(900, 60), 0.003)
    await a.does(RebasePrompt, "summarised", *more)
    await a.does(runs.StartAttempt)


async def _others(journal: Journal) -> None:
    """Sessions in other states, and an actor."""
    limited = Teller(journal, "session/bb", "helper")
    await limited.asked(limits=Limits(seconds=2.0))
    await limited.does(runs.ReachLimit)
    await limited.does(runs.InterruptReply, "p1.1", "")
    await limited.does(runs.EndRun)
    position = journal.store.heads(0)[-1].position
    fork = Teller(journal, "session/cc", "helper")
    origin = lifecycle.Origin("session/aa", journal.store.read("session/aa", 0, 999)[-1].position)
    assert origin.position < position
    opened = lifecycle.SessionOpened(FOLDER, "openai/gpt-5.5", "plan", origin=origin)
    fork.agent = opened.agent
    await fork.asked("And then?", "p9", opened=opened)
    done = Reply((Text("Done."),), "end", Usage(50, 5), "gpt-5.5")
    await fork.does(runs.ReceiveReply, "p9.1", done, 0.0004, 55)
    await _hooked(Teller(journal, "session/jj", "helper"))
    gone = Teller(journal, "session/dd", "helper")
    await gone.asked("Secret words.")
    await gone.does(runs.FailAttempt, "p1.1", "auth", "the key is wrong")
    await gone.says(lifecycle.DeleteSession, 0.0)
    await gone.says(lifecycle.EraseSession)
    deleted = Teller(journal, "session/ee", "helper")
    await deleted.says(session.OpenSession, OPENED)
    await deleted.says(lifecycle.DeleteSession)
    await deleted.says(lifecycle.RestoreSession)
    await deleted.says(lifecycle.DeleteSession)
    waiting = Teller(journal, "session/ff", "helper")
    await waiting.asked("Change it.")
    call = Call("p1.1.1", "shell", {"command": "touch x"})
    await waiting.does(runs.ReceiveReply, "p1.1", Reply((call,), "calls"))
    await waiting.judged("p1.1.1", Claims("shell", "execute", "touch x", why="?", folder=FOLDER))
    stalled = Teller(journal, "session/hh", "helper")
    await stalled.asked("Go on.")
    await stalled.does(runs.FailAttempt, "p1.1", "network", "gone", START)
    await stalled.does(StallRun, "key OPENAI_API_KEY")
    await stalled.says(ResumeRun)
    await stalled.does(StallRun, "key OPENAI_API_KEY")
    away = Teller(journal, "session/ii", "helper")
    await away.asked("Go on.")
    failed = ("p1.1", "limit", "spent", START + 9e5, "", "a quota at openai")
    await away.does(runs.FailAttempt, *failed)
    with suppress(Refused):  # kept under its `once`
        await waiting.says(session.OpenSession, OPENED, once="twice")
    everywhere = Teller(journal, standing.STREAM)
    await everywhere.says(standing.KeepRule, "shell(make)", FOLDER, START + 9e5)
    await everywhere.says(standing.DropRule, "shell(make)", FOLDER)
    await everywhere.says(standing.TrustFile, f"{FOLDER}/tools.py", "cd" * 32)
    await everywhere.says(standing.DistrustFile, f"{FOLDER}/tools.py")
    await everywhere.says(standing.TrustFile, f"{FOLDER}/hooks.json", "ab" * 32, "hooks")
    await everywhere.says(standing.DistrustFile, f"{FOLDER}/hooks.json", "hooks", "ef" * 32)
    await everywhere.says(standing.AcceptTools, "config#notes", {"search": "ef" * 32})
    await everywhere.says(standing.AcceptTools, "config#notes", {"search": "01" * 32})
    await _lent(Teller(journal, "session/tt", "helper"))
    await _actors(Teller(journal, directory.STREAM))
    lines = tuple(line.encode() for line in exported(journal, "session/bb", Veil(tuple, codec())))
    brought = Teller(journal, "session/gg")
    await brought.says(transfer.ImportSession, OPENED, lines)
    await waiting.drives()


async def _lent(a: Teller) -> None:
    """A server's tool asks a person while it works, and another one comes."""
    await a.asked("Look it up.")
    call = Call("p1.1.1", "notes__search", {"query": "x"})
    await a.does(runs.ReceiveReply, "p1.1", Reply((call,), "calls"))
    why = "what a tool of the MCP server notes does is not known here"
    of = {"server": "notes", "about": "Searches.", "changed": True}
    claims = Claims("notes__search", "execute", '{"query":"x"}', why=why, folder=FOLDER, **of)
    digest = await a.judged("p1.1.1", claims)
    await a.says(calls.AnswerApproval, "p1.1.1", digest, True)
    await a.does(calls.StartCall, "p1.1.1", {})
    await a.does(calls.DeferCall, "p1.1.1", Question("Where?", ("here", "decline")), True)
    await a.says(calls.AnswerQuestion, "p1.1.1", "here")
    await a.does(calls.FinishCall, "p1.1.1", Observation("ok", "found"))
    await a.does(TellTools, ("notes__more",), ("notes__old",))
    await a.does(runs.StartAttempt)


async def _hooked(here: Teller) -> None:
    """A session whose hooks speak, and that is told a skill; the run ends when they let it."""
    await here.says(session.OpenSession, OPENED)
    wanted = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await here.says(session.SubmitPrompt, "p1", "Do it. #review-diff", schema=wanted)
    await here.drives()
    source = f"{FOLDER}/hooks.json"
    words = ("failed", "exit 1", "Run the tests.", "slow today", ("updatedInput",))
    said = hooks.Ruling(source, "./remind", *words)
    await here.does(hooks.ReportHooks, hooks.PROMPT, "p1", (said,))
    await here.does(RebasePrompt, "first", "openai/gpt-5.5", "Be brief.", TOOLS)
    skill = ("The skill review-diff", "/skills/review-diff/SKILL.md", "Look twice.")
    await here.does(asides.TellAside, *skill)
    await here.does(runs.StartAttempt)
    call = Call("p1.1.1", "shell", {"command": "rm x"})
    await here.does(runs.ReceiveReply, "p1.1", Reply((call,), "calls"))
    claims = Claims("shell", "execute", "rm x", folder=FOLDER)
    no = hooks.Ruling(source, "./guard", "deny", "x is needed")
    await here.does(calls.JudgeCall, "p1.1.1", claims, (no,))
    await here.does(runs.StartAttempt)
    await here.does(runs.ReceiveReply, "p1.2", Reply((Text("Done."),), "end"), None, 0, True)
    await here.does(hooks.ReportHooks, hooks.STOP, "p1")


async def _actors(here: Teller) -> None:
    """Who comes, who goes, and their keys."""
    await here.says(directory.AddActor, "ada", "person", "Ada")
    await here.says(directory.IssueKey, "k1", "ada", "1" * 64, (directory.ADMIN,))
    scopes = ("usage:read", "sessions:read")
    ci = ("k2", "ci", "2" * 64, scopes, "service", START + 9e5, "nightly")
    await here.says(directory.IssueKey, *ci)
    more = {"name": "nightly", "replaces": True}
    byada = directory.IssueKey(here.stream, "k3", "ci", "3" * 64, scopes, by="k1", **more)
    await here.journal.write(Request(here.stream, (byada,), "ada"))
    await here.says(directory.RevokeKey, "k3")
    await here.says(directory.RemoveActor, "ci")
