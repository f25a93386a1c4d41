"""A shell in a terminal that stays: folder and variables are kept, programs can be typed into."""

import asyncio
import re
from typing import Any

from msgspec import structs

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Command, Observation
from tuiagent.ports import (
    Again,
    Background,
    Execution,
    Kit,
    Note,
    OutcomeUnknown,
    Runtime,
    Typed,
    schema,
)
from tuiagent.tools.arguments import check
from tuiagent.tools.screen import COLUMNS, ROWS, lines, screen, stripped
from tuiagent.tools.shell import room, shortened, sized

SECONDS, LONGEST = 30.0, 600.0
QUIET = 0.4
"""Seconds without output after which a program that was typed into is taken to wait."""
LOOK = 0.03
"""Seconds between two looks at the output."""
AFTER = 2.0
"""Seconds that are waited where somebody else had typed it."""
KEYS = {
    "Enter": "\r", "Tab": "\t", "Escape": "\x1b", "Space": " ", "Backspace": "\x7f",
    "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D",
    "Home": "\x1b[H", "End": "\x1b[F", "PageUp": "\x1b[5~", "PageDown": "\x1b[6~",
    "Insert": "\x1b[2~", "Delete": "\x1b[3~",
}  # fmt: skip
"""Names of keys, beside C-a to C-z and single characters."""
SHELL = "it runs in a shell that keeps what came before, which may change what words mean"


class Terminal:
    """Runs commands in one shell that stays, and types into what runs there."""

    name = "terminal"
    effect = "execute"
    description = (
        "A bash in a real terminal (160 x 48) that stays open: folder, variables and activated "
        "environments are kept. `command` runs in it when it is idle; `text` (as it is) and then "
        "`keys` (Enter, Tab, Escape, Up, Down, Left, Right, C-c, …) go to the program that "
        "runs. Waits at most `wait` seconds (default 30, at most 600) for the command's end, or "
        "until a program typed into is quiet; a program that goes on stays: look with `jobs` "
        "(read), or type C-c. Use it for what needs a terminal or a lasting shell, else `shell`."
    )
    parameters = schema(
        (),
        command={"type": "string"},
        text={"type": "string"},
        keys={"type": "array", "items": {"type": "string"}},
        wait={"type": "number", "minimum": 0},
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """What is typed; that it is plain is never said, as the shell may have changed."""
        check(args, self.parameters)
        kind, text = _typed(args)
        # the grammar is loaded once a command is judged, not when a session starts
        from tuiagent.tools.commands import claimed  # noqa: PLC0415

        found = await claimed(self.name, sized(text if text.strip() else repr(text)), runtime)
        return structs.replace(
            found,
            subject=text.strip() if kind == "command" else repr(text),
            reads=(),
            mentions=(*found.reads, *found.mentions),
            commands=(),
            inside=(*found.commands, *found.inside),
            why=found.why or SHELL if kind == "command" else "it is typed into a program",
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Which terminal, and under which name it is typed."""
        ident = f"{kit.call}-1"
        for job in kit.jobs.all():
            open_one = job.running and job.tool == self.name
            if open_one and await kit.runtime.settle(job.note["spool"]) == "running":
                return Note({"terminal": job.note["spool"], "ident": ident})
        if "command" not in args:
            raise ToolError("no terminal is open: begin with a `command`")
        room(kit)
        return Note({"spool": await kit.runtime.prepare(kit.call), "ident": ident})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Background:
        """Types it, and tells what the terminal shows then."""
        spool = note.data.get("terminal") or note.data["spool"]
        if "spool" in note.data and not note.data.get("began"):
            await kit.runtime.start(_execution(spool))
        kind, text = _typed(args)
        typed = await kit.runtime.type(spool, note.data["ident"], kind, text)
        if typed.refused == "busy":
            data, _ = await kit.runtime.output(spool, typed.offset - 20_000)
            raise ToolError(
                "a program still runs in the terminal: type into it with `text` and `keys` "
                f"(C-c ends most), or use `shell`. It shows:\n{screen(data)}"
            )
        if typed.refused:
            raise ToolError("no program runs in the terminal: its shell waits for a `command`")
        return await self._seen(args, kit, note, typed, args.get("wait", SECONDS))

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Background | Again | OutcomeUnknown:
        """The spool knows whether the terminal lives, and what was typed."""
        spool = note.data.get("terminal") or note.data["spool"]
        state = await kit.runtime.settle(spool)
        if note.data.get("job"):
            return await self._ended(kit, spool, state)
        if state == "void" and "spool" in note.data:
            return Again(await self.note(args, kit))
        if state == "unknown":
            return OutcomeUnknown("the machine was restarted, or the terminal was killed")
        typed = await kit.runtime.typed(spool, note.data["ident"])
        if typed is None and state == "running":
            ident = note.data["ident"] + "+"
            return Again(Note({**note.data, "ident": ident, "began": True}))
        if typed is None:
            raise ToolError("the terminal has ended; nothing was typed")
        return await self._seen(args, kit, note, typed, AFTER)

    async def _seen(
        self, args: dict[str, Any], kit: Kit, note: Note, typed: Typed, wait: float
    ) -> Observation | Background:
        """Waits for the command's end, or for quiet, and shows what was written."""
        spool = note.data.get("terminal") or note.data["spool"]
        mark = f"\x1b]133;C;{note.data['ident']}\x07".encode() if "command" in args else b""
        data, gone, done, alive = await _watched(kit, spool, typed.offset, mark, min(LONGEST, wait))
        code = int(done[1]) if done else None
        if done is not None:
            text = shortened(lines(data[: done.start()]), gone)
            folder = stripped(done[2].decode("utf-8", "replace"))
            text += f"\n[exit {code}]" if code else ""
            text += f"\n[in {folder}]" if folder != kit.runtime.folder else ""
        else:
            text = screen(data)
            text += "\n[it still runs; this is the screen]" if alive else "\n[the terminal ended]"
        block = Command(args.get("command") or _typed(args)[1], code)
        status = "error" if code or not alive else "ok"
        seen = Observation(status, text.strip("\n"), (block,))
        if "spool" in note.data and alive:
            await kit.runtime.keep(_execution(spool))
            return Background(seen, Note({"spool": spool, "job": True}))
        return seen

    async def _ended(self, kit: Kit, spool: str, state: str) -> Observation | OutcomeUnknown:
        """Waits until the terminal is closed."""
        if state == "unknown":
            return OutcomeUnknown("the machine was restarted, or the terminal was killed")
        if state == "void":
            return Observation("error", "it never began")
        ended = await kit.runtime.follow(_execution(spool), lambda data: _show(kit, data))
        return Observation("ok", f"the terminal was closed [exit {ended.code}]")


def _execution(spool: str) -> Execution:
    return Execution(spool, "", float("inf"), (COLUMNS, ROWS))


def _typed(args: dict[str, Any]) -> tuple[str, str]:
    """What is typed, and as what. Raises ToolError."""
    if "command" in args:
        if "text" in args or "keys" in args:
            raise ToolError("give either a `command`, or `text` and `keys` for what runs")
        return "command", sized(args["command"])
    text = args.get("text", "") + "".join(map(_key, args.get("keys", ())))
    if not text:
        raise ToolError("give a `command`, or `text` and `keys`; `jobs` (read) only looks")
    return "keys", text


def _key(name: object) -> str:
    """The bytes of a key. Raises ToolError."""
    if isinstance(name, str):
        if name in KEYS:
            return KEYS[name]
        control = re.fullmatch(r"(?:C-|Ctrl-|\^)([a-zA-Z\[\]\\^_@])", name)
        if control:
            return chr(ord(control[1].upper()) & 0x1F)
        if len(name) == 1:
            return name
    raise ToolError(f"there is no key {name!r}; there are: {', '.join(KEYS)}, C-a to C-z")


def _show(kit: Kit, data: bytes) -> None:
    text = stripped(data.decode("utf-8", "replace"), ends=True)
    if text:
        kit.progress(text)


def _prompt(spool: str) -> re.Pattern[bytes]:
    """What the terminal's own shell writes before its prompt; others do not know the name."""
    name = re.escape(spool.rpartition("/")[2].encode())
    return re.compile(rb"\x1b\]133;D;(\d{1,3});aid=%b;([^\x07]*)\x07" % name)


async def _watched(
    kit: Kit, spool: str, start: int, mark: bytes, wait: float
) -> tuple[bytes, int, re.Match[bytes] | None, bool]:
    """What was written behind the mark, and how many bytes before that were too many to keep.

    Then the prompt that ended it, and whether the terminal lives.
    """
    loop = asyncio.get_running_loop()
    prompt, begun = _prompt(spool), not mark
    until, size, changed = loop.time() + wait, start, loop.time()
    shown = 0
    while True:
        alive = await kit.runtime.settle(spool) == "running"
        data, now = await kit.runtime.output(spool, start)
        found = -1 if begun else data.find(mark)
        if found >= 0:
            data = data[found + len(mark) :]
            start = now - len(data)
        gone = now - len(data) - start
        begun = begun or found >= 0 or gone > 0  # so much was written that the mark is past
        done = prompt.search(data) if begun else None
        if now != size:
            size, changed = now, loop.time()
        if begun:
            end = done.start() if done else len(data)
            _show(kit, data[max(0, shown - now + len(data)) : end])
            shown = now
        quiet = not mark and loop.time() - changed >= QUIET
        if done or quiet or not alive or loop.time() >= until:
            return data, gone, done, alive
        await asyncio.sleep(LOOK)
