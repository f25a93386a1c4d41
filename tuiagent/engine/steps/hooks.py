"""Runs hooks through the session's runtime, and reports what they said."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from tuiagent.engine.drive import Drive
from tuiagent.engine.secrecy import secrecy_of
from tuiagent.kernel import hooks, loop
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError, TuiagentError
from tuiagent.kernel.hooks import NAMES, ReportHooks, Ruling, ruling
from tuiagent.kernel.message import Call, Observation
from tuiagent.ports import Execution, Hook

LOG = logging.getLogger("tuiagent.hooks")
MODES = {
    "ask": "default",
    "accept-edits": "acceptEdits",
    "plan": "plan",
    "auto": "bypassPermissions",
    "locked": "dontAsk",
}
"""What hooks know our modes as."""
END = "--- tuiagent: standard error ---"
SCRIPT = """\
exec 3>&1
err=$(printf '%s\\n' {given} | {environ} sh -c {command} 2>&1 >&3 3>&-)
code=$?
printf '\\n%s\\n%s' '{end}' "$err"
exit "$code"
"""
"""Keeps what a hook prints apart from its errors, in the one pipe that a command has."""
LEAVING = 10.0
"""Seconds that a hook may take when a session ends: whoever leaves waits for it."""
RENAMED = {
    "edit": {"old": "old_string", "new": "new_string", "all": "replace_all"},
    "patch": {"patch": "new_string"},
    "notebook": {"source": "new_source"},
}
"""What other programs call arguments of our tools."""
PATHS = 20
"""Files of one call for each of which a hook is run."""


async def before(drive: Drive, call: Call, claims: Claims) -> tuple[Ruling, ...]:
    """What hooks say of a call that is to be judged."""
    found = matching(drive, hooks.BEFORE, names(call.name))
    if not found:
        return ()
    return await _run(drive, hooks.BEFORE, call.id, found, _of_call(call, claims))


async def after(drive: Drive, call: Call, observation: Observation) -> ReportHooks | None:
    """What hooks say of what came of a call."""
    found = matching(drive, hooks.AFTER, names(call.name))
    if not found:
        return None
    response = {"status": observation.status, "stdout": observation.text}
    claims = drive.claims.get(call.id) or Claims(call.name, "", "")
    given = [one | {"tool_response": response} for one in _of_call(call, claims)]
    said = await _run(drive, hooks.AFTER, call.id, found, given)
    return ReportHooks(drive.stream, hooks.AFTER, call.id, said)


async def said(drive: Drive, event: str, about: str, **given: Any) -> ReportHooks | None:
    """What hooks say of anything else; None where there are none."""
    found = matching(drive, event, (given.get("source") or given.get("reason") or "",))
    if not found:
        return None
    rulings = await _run(drive, event, about, found, [given])
    return ReportHooks(drive.stream, event, about, rulings)


async def begin(drive: Drive) -> ReportHooks | None:
    """What hooks say as a session begins, and what of their files does not count here."""
    source = "fork" if drive.opened.origin else "startup"
    report = await said(drive, hooks.START, "startup", source=source, model=drive.state.model)
    unheard: dict[str, list[str]] = {}
    for path, what in drive.library.remarks():
        unheard.setdefault(path, []).append(what)
    told = tuple(Ruling(path, "", unheard=tuple(what)) for path, what in unheard.items())
    rulings = (*(report.rulings if report else ()), *told)
    return ReportHooks(drive.stream, hooks.START, "startup", rulings) if rulings else None


async def ask_hooks(drive: Drive, step: loop.AskHooks) -> None:
    """Lets hooks say whether the run may end."""
    run = drive.state.run
    active = bool(run and run.kept_on)
    last = run.said if run else ""
    report = await said(
        drive, hooks.STOP, step.run, stop_hook_active=active, last_assistant_message=last
    )
    await drive.write(report or ReportHooks(drive.stream, hooks.STOP, step.run))


async def end(drive: Drive) -> None:
    """Lets hooks tidy up as this process leaves a session in which nothing goes on."""
    if drive.state.opened is None or loop.busy(drive.state) or drive.leaving:
        return
    try:
        report = await said(drive, hooks.END, "session", reason="other")
        if report is not None and any(not one.silent for one in report.rulings):
            await drive.write(report)
    except TuiagentError as error:
        LOG.warning("%s: %s", drive.stream, error)


def matching(drive: Drive, event: str, called: Sequence[str]) -> list[Hook]:
    """The hooks for an event whose matchers mean one of these names."""
    return [hook for hook in drive.library.hooks(event) if hooks.fits(hook.matcher, called)]


def names(tool: str) -> tuple[str, ...]:
    """What a tool is called, here and by those whose hooks we read."""
    return (tool, *NAMES.get(tool, ()), *((f"mcp__{tool}",) if "__" in tool else ()))


def _of_call(call: Call, claims: Claims) -> list[dict[str, Any]]:
    """What hooks are told of a call: once for each file that it would change."""
    told: dict[str, Any] = {
        "tool_name": names(call.name)[1:2][0] if names(call.name)[1:] else call.name,
        "tool": call.name,
        "tool_use_id": call.id,
    }
    args = (call.args or {}) | _theirs(call.name, call.args or {}, claims)
    paths = claims.writes[:PATHS] or claims.reads[:1]
    return [told | {"tool_input": args | {"file_path": path}} for path in paths] or [
        told | {"tool_input": args}
    ]


def _theirs(tool: str, args: dict[str, Any], claims: Claims) -> dict[str, Any]:
    """The arguments by the names that other programs know them by, where those are others."""
    if "Bash" in NAMES.get(tool, ()) and "command" not in args:
        words = next(iter(claims.commands), ())
        from shlex import join  # noqa: PLC0415 - few have hooks, and all load this

        return {"command": join(words) if words else claims.subject}
    return {new: args[old] for old, new in RENAMED.get(tool, {}).items() if old in args}


async def _run(
    drive: Drive, event: str, about: str, found: list[Hook], given: list[dict[str, Any]]
) -> tuple[Ruling, ...]:
    common: dict[str, Any] = {
        "session_id": drive.stream.partition("/")[2],
        "transcript_path": "",
        "cwd": drive.runtime.folder,
        "hook_event_name": event,
        "permission_mode": MODES[drive.state.mode],
    }
    if drive.state.run is not None:
        common["prompt_id"] = drive.state.run.id
    if drive.state.effort:
        common["effort"] = {"level": drive.state.effort}
    work = [_one(drive, about, hook, common | one) for hook in found for one in given]
    return tuple(_once(drive, one) for one in await asyncio.gather(*work))


def _once(drive: Drive, said: Ruling) -> Ruling:
    """The ruling; what of it does not count here is told the first time."""
    fresh = tuple(one for one in said.unheard if (said.command, one) not in drive.unheard)
    drive.unheard.update((said.command, one) for one in fresh)
    return msgspec.structs.replace(said, unheard=fresh)


async def _one(drive: Drive, about: str, hook: Hook, given: dict[str, Any]) -> Ruling:
    """Runs a hook to its end. One that cannot say what it thinks of a call has a person asked."""
    unknown = "ask" if hook.event == hooks.BEFORE else "failed"
    limit = min(hook.timeout, LEAVING) if hook.event == hooks.END else hook.timeout
    runtime = drive.runtime
    try:
        spool = await runtime.prepare(f"{drive.stream.partition('/')[2]}.{about}.hook")
        execution = Execution(spool, _script(hook, given, runtime.folder), limit, tied=True)
        try:
            ended = await runtime.exec(execution, lambda data: None)
        except asyncio.CancelledError:
            await runtime.kill(spool)
            raise
        await runtime.discard(spool)
    except ToolError as error:
        LOG.warning("%s: %s", hook.command, error)
        return Ruling(hook.source, hook.command, unknown, f"it could not be run: {error}")
    if ended.timed_out:
        reason = f"it took longer than {limit:g} s and was ended"
        return Ruling(hook.source, hook.command, unknown, reason)
    means = drive.context.means
    secrecy = secrecy_of(frozenset(means.keys()), means.marks())
    text = secrecy.text(ended.output.decode("utf-8", "replace"))
    out, _, err = text.rpartition(f"\n{END}\n") if END in text else (text, "", "")
    return ruling(hook.event, hook.source, hook.command, ended.code, out, err)


def _script(hook: Hook, given: dict[str, Any], folder: str) -> str:
    from shlex import quote  # noqa: PLC0415 - few have hooks, and all load this

    where = f"CLAUDE_PROJECT_DIR={quote(folder)} TUIAGENT_PROJECT_DIR={quote(folder)}"
    return SCRIPT.format(
        given=quote(msgspec.json.encode(given).decode()),
        environ=where,
        command=quote(hook.command),
        end=END,
    )
