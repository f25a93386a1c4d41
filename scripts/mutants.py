"""Takes each guard away, in a copy of the tree: a test must notice."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
    """One guard, as it stands in a file, what is put in its place, and the tests that miss it."""

    name: str
    file: str
    old: str
    new: str
    tests: str


JOURNAL = "tuiagent/engine/journal.py"
CALL = "tuiagent/kernel/call.py"
CALLS = "tuiagent/engine/steps/calls.py"
SQLITE = "tuiagent/stores/sqlite.py"
SPOOL = "tuiagent/runtimes/spool.py"
POLICY = "tests/contracts/test_shell_policy.py"
SEARCH = "tests/flows/test_search.py"
TRANSFER = "tests/flows/test_transfer.py"
TABLES = "tests/contracts/test_programs.py"
GROUP_C = "tests/contracts/test_group_c.py"
STORES = "tests/contracts/test_store.py tests/contracts/test_store_faults.py"
ANSWER = "tests/flows/test_cli_answer.py"
PLAIN = "tests/flows/test_cli_plain.py"
HOST = "tuiagent/runtimes/terminal_host.py"
TERMINAL = "tests/flows/test_terminal.py"
HAND_OVER = "tests/flows/test_hand_over.py"
REPLAY = "tests/kernel/test_replay.py"
WEB_API = "tests/contracts/test_web_api.py"
WEB_STREAMS = "tests/contracts/test_web_streams.py"
WEB_SOCKET = "tests/contracts/test_web_socket.py"
KEYS = "tuiagent/kernel/directory.py"
DIRECTORY = "tests/kernel/test_directory.py"
GATE = "tests/contracts/test_gate.py"
PRIVATE = "tuiagent/vaults/private.py"
OWNER_KEY = "tests/contracts/test_owner_key.py"
GUARD = "tuiagent/clients/web/guard.py"
PATIENCE = "tuiagent/clients/web/patience.py"
GUARDS = "tests/contracts/test_guard.py"
ROWS = f"{GUARDS} -k test_rows"
CALLERS = "tuiagent/callers.py"
THIN = "tuiagent/thin.py"
WARM = "tests/flows/test_warm.py"
MUTANTS = (
    Mutant(
        "an agent lets nothing through",
        "tuiagent/engine/access.py",
        "if kind == AGENT and",
        "if False and",
        DIRECTORY,
    ),
    Mutant(
        "who was removed may nothing",
        JOURNAL,
        "if request.admit:",
        "if False:",
        GATE,
    ),
    Mutant(
        "who was removed sees nothing",
        "tuiagent/engine/engine.py",
        "if actor != directory.OWNER:",
        "if False:",
        GATE,
    ),
    Mutant(
        "keys are issued with every scope",
        KEYS,
        "if not covers(issued.scopes, ADMIN):",
        "if False:",
        DIRECTORY,
    ),
    Mutant(
        "keys are issued with a key of one's own",
        KEYS,
        "issued is None or issued.actor != at.actor or",
        "issued is None or",
        DIRECTORY,
    ),
    Mutant(
        "keys are issued with a live key",
        KEYS,
        "!= at.actor or state.over(by, at.now):",
        "!= at.actor:",
        DIRECTORY,
    ),
    Mutant("an agent issues no key", KEYS, "if at.fence or at.actor == AGENT:", "if 0:", DIRECTORY),
    Mutant(
        "no agent's key approves",
        KEYS,
        "if kind == AGENT and (never",
        "if False and (never",
        DIRECTORY,
    ),
    Mutant(
        "a key that is over stays so",
        KEYS,
        "== intent.actor and not state.over(same, at.now):",
        "== intent.actor:",
        DIRECTORY,
    ),
    Mutant(
        "a removed actor's keys are revoked",
        KEYS,
        "        state.revoked.update(",
        "        set[str]().update(",
        DIRECTORY,
    ),
    Mutant(
        "a key that is over opens nothing",
        "tuiagent/clients/web/gate.py",
        "if not same or over:",
        "if not same:",
        GATE,
    ),
    Mutant(
        "a key that is over ends what it opened",
        "tuiagent/clients/web/gate.py",
        "if over := self._state.over(principal.key, now):",
        "if over := '':",
        GATE,
    ),
    Mutant(
        "the clock is looked at again",
        "tuiagent/clients/web/gate.py",
        "min(principal.expires - now, LOOK)",
        "principal.expires - now",
        GATE,
    ),
    Mutant(
        "a gate that follows nothing is shut",
        "tuiagent/clients/web/gate.py",
        "            self._lost = True",
        "            self._lost = False",
        GATE,
    ),
    Mutant(
        "what came before the watch stood",
        "tuiagent/engine/folder.py",
        "        yield None  #",
        "        pass  #",
        GATE,
    ),
    Mutant("a private file is no link", PRIVATE, "os.O_NOFOLLOW", "0", OWNER_KEY),
    Mutant("a private file is private", PRIVATE, "if found.st_mode & 0o077:", "if 0:", OWNER_KEY),
    Mutant(
        "a private file is one's own",
        PRIVATE,
        "if found.st_uid != os.getuid():",
        "if 0:",
        OWNER_KEY,
    ),
    Mutant(
        "a lost owner's key is revoked",
        "tuiagent/vaults/owner.py",
        "replaces=True",
        "replaces=False",
        OWNER_KEY,
    ),
    Mutant("web: another host", GUARD, "if not meant:", "if not name:", ROWS),
    Mutant("web: another origin", GUARD, "if origin not in self._keeps.origins:", "if 0:", ROWS),
    Mutant("web: a path written otherwise", GUARD, '"//" in path or', "", ROWS),
    Mutant("web: dots", GUARD, 'part in (".", "..")', "part in ()", ROWS),
    Mutant("web: hidden slashes", GUARD, ' or b"%2f" in raw', "", ROWS),
    Mutant("web: odd letters", GUARD, """or ";" in path""", "", ROWS),
    Mutant("web: unknown methods", GUARD, "not in METHODS:", "not in (scope['method'],):", ROWS),
    Mutant("web: no JSON", GUARD, 'kind.strip() != b"application/json" or', "", ROWS),
    Mutant("web: a compressed body", GUARD, 'or b"content-encoding" in headers', "", ROWS),
    Mutant("web: an announced body", GUARD, "or int(length) > limit:", ":", ROWS),
    Mutant("web: a body of no length", GUARD, "if taken > limit:", "if False:", ROWS),
    Mutant("web: many headers", GUARD, "if len(headers) > keeps.headers or", "if", ROWS),
    Mutant("web: large headers", GUARD, "or size > keeps.head or", "or", ROWS),
    Mutant("web: a large query", GUARD, "or target > keeps.head:", ":", ROWS),
    Mutant("web: two of a header", GUARD, "for name in ONCE:", "for name in ():", ROWS),
    Mutant("web: what is said always", GUARD, "(*ALWAYS, *self.more)", "self.more", ROWS),
    Mutant(
        "web: guesses",
        GUARD,
        "and (wait := self._failures.take(name)):",
        "and (wait := 0.0):",
        f"{GUARDS} -k guessing",
    ),
    Mutant(
        "web: how often",
        GUARD,
        "if wait := self._rates.take(name):",
        "if wait := 0.0:",
        f"{GUARDS} -k often",
    ),
    Mutant("web: how much at once", GUARD, "if not fits:", "if 0:", f"{GUARDS} -k open"),
    Mutant(
        "web: no key on another address",
        GUARD,
        "if not guarded and not _loopback(host):",
        "if False:",
        f"{GUARDS} -k h06",
    ),
    Mutant(
        "web: slow heads",
        PATIENCE,
        """        super().on_message_begin()
        self._head = self._head or 0
        self._wait(self.head_seconds, "head")""",
        "        super().on_message_begin()\n        self._head = self._head or 0",
        f"{GUARDS} -k h16",
    ),
    Mutant(
        "web: slow bodies",
        PATIENCE,
        'self._wait(self.body_seconds, "body")',
        "self._leave()",
        f"{GUARDS} -k h16",
    ),
    Mutant(
        "web: idle connections",
        PATIENCE,
        """        super().connection_made(transport)
        self._wait(self.head_seconds, "head")""",
        "        super().connection_made(transport)",
        f"{GUARDS} -k h16",
    ),
    Mutant(
        "web: heads that go on and on",
        PATIENCE,
        "and self._head > HEAD:",
        "and False:",
        f"{GUARDS} -k answered",
    ),
    Mutant(
        "no run without a key",
        "tuiagent/clients/cli/named_sessions.py",
        "    if needs:\n",
        "    if False:\n",
        "tests/flows/test_named_sessions.py",
    ),
    Mutant(
        "ids that are for whoever repeats",
        "tuiagent/clients/cli/named_sessions.py",
        "(?!once[0-9a-f]{16}$)",
        "",
        "tests/flows/test_named_sessions.py",
    ),
    Mutant(
        "runs of a deleted session",
        "tuiagent/views/runs.py",
        "if not self._homes[row.stream].deleted",
        "if True",
        "tests/kernel/test_runs_view.py",
    ),
    Mutant(
        "the end of the service leaves the commands",
        "tuiagent/clients/cli/service.py",
        "KillMode=process",
        "KillMode=control-group",
        "tests/crash/test_service.py",
    ),
    Mutant(
        "a service's file that was changed",
        "tuiagent/clients/cli/service.py",
        "if not args.force and os.path.exists(made.path) and not _ours(made.path):",
        "if False:",
        "tests/flows/test_service.py",
    ),
    Mutant(
        "a folder's name that writes lines of its own",
        "tuiagent/clients/cli/service.py",
        "if any(not word.isprintable() for word in (*argv, *passed.values())):",
        "if False:",
        "tests/flows/test_service.py",
    ),
    Mutant(
        "another run than the one that is meant",
        "tuiagent/kernel/run.py",
        'if intent.run not in ("", run.id):',
        "if False:",
        "tests/kernel/test_session.py",
    ),
    Mutant(
        "what is let go of begins nothing",
        "tuiagent/engine/worker.py",
        "elif step not in drive.running and not (drive.leaving and _new(drive, step)):",
        "elif step not in drive.running:",
        HAND_OVER,
    ),
    Mutant(
        "what has begun ends before another goes on",
        "tuiagent/engine/worker.py",
        "return not drive.running and all(_new(drive, step) for step in steps)",
        "return True",
        HAND_OVER,
    ),
    Mutant(
        "a command is left to whoever comes next",
        "tuiagent/engine/worker.py",
        "alone = [task for step, task in drive.running.items() if drive.survives(step)]",
        "alone = []",
        HAND_OVER,
    ),
    Mutant(
        "a run without its key waits",
        "tuiagent/kernel/loop.py",
        "if run.stall is not None and run.stall.fence == fence:",
        "if False:",
        "tests/kernel/test_stall.py",
    ),
    Mutant(
        "what drains takes nothing up",
        "tuiagent/engine/engine.py",
        "if self._draining or not await self.worker.adopt(stream):",
        "if not await self.worker.adopt(stream):",
        HAND_OVER,
    ),
    Mutant(
        "secrets in a bundle",
        "tuiagent/kernel/replay.py",
        "bodies = [mask.value(body) for body in bodies]",
        "",
        REPLAY,
    ),
    Mutant(
        "secrets in a bundle, before they are named",
        "tuiagent/kernel/replay.py",
        "mask.learn(bodies)",
        "",
        REPLAY,
    ),
    Mutant(
        "hashes in a bundle",
        "tuiagent/kernel/replay.py",
        "if mask.found:",
        "if False:",
        REPLAY,
    ),
    Mutant(
        "environment in a bundle",
        "tuiagent/kernel/replay.py",
        'values = {name: f"<{name}>" for name in fact.environment}',
        "values = fact.environment",
        REPLAY,
    ),
    Mutant(
        "what cannot be masked in a bundle",
        "tuiagent/kernel/replay.py",
        "left_out = NOT_KNOWN",
        "raw = fact.body",
        REPLAY,
    ),
    Mutant(
        "a bundle's longest line",
        "tuiagent/kernel/replay.py",
        "if len(line) > LONGEST:",
        "if False:",
        REPLAY,
    ),
    Mutant(
        "a bundle that makes no sense",
        "tuiagent/clients/replayed.py",
        "except Exception as error:",
        "except OSError as error:",
        REPLAY,
    ),
    Mutant(
        "a hostile text that is masked",
        "tuiagent/kernel/mask.py",
        r"eyJ[\w-]{8,1024}\.",
        r"eyJ[\w-]{8,}\.",
        "tests/kernel/test_mask.py --timeout=20",
    ),
    Mutant(
        "exports for reading are masked",
        "tuiagent/clients/cli/transfer.py",
        "items = mask.value(items)",
        "items = mask.value([]) or items",
        "tests/flows/test_replay.py -k reading",
    ),
    Mutant(
        "a command of another version is declined",
        CALLERS,
        "if call.version != __version__:",
        "if False:",
        f"{WARM} -k version",
    ),
    Mutant(
        "a command for another state root is declined",
        CALLERS,
        " or settings.root != self._root",
        "",
        f"{WARM} -k configuration",
    ),
    Mutant(
        "who does not read costs little",
        "tuiagent/clients/cli/headless.py",
        "await console.taken()",
        "pass",
        f"{WARM} -k not_read",
    ),
    Mutant(
        "nothing is done twice when the server dies",
        THIN,
        'GONE.format(pid.decode())}\\n".encode())\n        return 1',
        'GONE.format(pid.decode())}\\n".encode())\n        raise',
        f"{WARM} -k is_killed",
    ),
    Mutant(
        "keys are sent to a server of this user only",
        THIN,
        "if not _own(peer):",
        "if False:",
        f"{WARM} -k somebody_else",
    ),
    Mutant(
        "commands of this user only are answered",
        "tuiagent/clients/web/socket.py",
        "if _same_user(writer):",
        "if True:",
        f"{WARM} -k nobody_else",
    ),
    Mutant(
        "a hang-up hands over",
        "tuiagent/clients/cli/headless.py",
        "if left.result() == HUNG_UP:",
        "if False:",
        f"{WARM} -k ordinary_run",
    ),
    Mutant(
        "output that nobody follows",
        "tuiagent/runtimes/keeper.py",
        "if tail.excess():",
        "if False:",
        "tests/contracts/test_keeper.py",
    ),
    Mutant(
        "time that nobody watches",
        "tuiagent/runtimes/keeper.py",
        "if spool.age() > timeout:",
        "if False:",
        "tests/contracts/test_keeper.py",
    ),
    Mutant(
        "one keeper for a job",
        "tuiagent/runtimes/keeper.py",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/contracts/test_keeper.py",
    ),
    Mutant(
        "what tools print is no answer",
        "tuiagent/wiring.py",
        "sys.stdout = sys.stderr  #",
        "pass  #",
        "tests/contracts/test_own_tools.py",
    ),
    Mutant(
        "a trusted file that changed",
        "tuiagent/tools/own.py",
        "if hashlib.sha256(source).hexdigest() != sha256:",
        "if False:",
        "tests/contracts/test_own_tools.py",
    ),
    Mutant(
        "a function's files are those that were judged",
        "tuiagent/tools/function.py",
        "for name in self._paths:\n            paths",
        "for name in ():\n            paths",
        "tests/contracts/test_own_tools.py",
    ),
    Mutant(
        "a first call that breaks ends",
        "tuiagent/engine/steps/model.py",
        "drive.guarded(run, going)",
        "going()",
        "tests/contracts/test_own_tools.py -k cannot_be_written",
    ),
    Mutant(
        "own tools are loaded from regular files only",
        "tuiagent/tools/own.py",
        "if not stat.S_ISREG(os.fstat(opened).st_mode):",
        "if False:",
        "tests/contracts/test_own_tools.py -k only_files",
    ),
    Mutant(
        "a kept rule holds in its folder only",
        "tuiagent/kernel/standing.py",
        "if place == folder)",
        "if True)",
        "tests/flows/test_standing.py tests/flows/test_policy.py",
    ),
    Mutant(
        "spool of a job is swept by nobody",
        CALLS,
        "notes += [job.note for job in drive.state.jobs.running()]",
        "notes += []",
        "tests/flows/test_jobs.py",
    ),
    Mutant(
        "typed into a terminal once",
        HOST,
        "except FileExistsError:\n            return False",
        "except FileExistsError:\n            return True",
        "tests/contracts/test_terminal.py",
    ),
    Mutant(
        "a prompt that is not the terminal's own shell's",
        "tuiagent/tools/terminal.py",
        'aid=%b;([^\\x07]*)\\x07" % name',
        '(?:aid=[^;]*;)?([^\\x07]*)\\x07"',
        TERMINAL,
    ),
    Mutant(
        "typed only where the shell has the terminal",
        HOST,
        "return self.idle and os.tcgetpgrp(self.terminal) == self.child",
        "return self.idle",
        TERMINAL,
    ),
    Mutant(
        "a shell in the shell writes no prompt marks",
        HOST,
        '"export -n PROMPT_COMMAND PS1 PS2 HISTFILE"',
        '""',
        TERMINAL,
    ),
    Mutant(
        "nothing of a call that is over goes on",
        CALLS,
        "await runtime.kill(spool)\n                await runtime.discard(spool)",
        "raise",
        TERMINAL,
    ),
    Mutant(
        "no line of a job's output is a person's",
        "tuiagent/views/prompt.py",
        'f"\\n| {line}"',
        'f"\\n{line}"',
        "tests/flows/test_jobs.py",
    ),
    Mutant(
        "who refuses the shell refuses the terminal",
        "tuiagent/kernel/rules.py",
        'or (action != "allow" and rule.tool == ALIKE.get(claims.tool))',
        "",
        f"{POLICY} -k terminal",
    ),
    Mutant(
        "who allows the shell does not allow the terminal",
        "tuiagent/kernel/rules.py",
        'or (action != "allow" and rule.tool == ALIKE.get(claims.tool))',
        "or rule.tool == ALIKE.get(claims.tool)",
        f"{POLICY} -k terminal",
    ),
    Mutant(
        "no command in a terminal is plain",
        "tuiagent/tools/terminal.py",
        "commands=(),",
        "commands=found.commands,",
        "tests/flows/test_jobs.py",
    ),
    Mutant(
        "refusals look into a terminal",
        "tuiagent/tools/terminal.py",
        "mentions=(*found.reads, *found.mentions),",
        "mentions=(),",
        "tests/flows/test_jobs.py",
    ),
    Mutant(
        "one end for each job",
        "tuiagent/kernel/jobs.py",
        "if found is None or not found.running:",
        "if found is None:",
        "tests/kernel/test_session.py",
    ),
    Mutant("fence", JOURNAL, "if not request.fence:", "if True:", "tests/seeds -k twitching"),
    Mutant(
        "once",
        JOURNAL,
        "answer = tx.recall(request.actor, request.once)",
        "answer = None",
        "tests/contracts/test_client.py",
    ),
    Mutant(
        "once for something else",
        JOURNAL,
        "if answer.intents != mark:",
        "if False:",
        "tests/contracts/test_client.py",
    ),
    Mutant(
        "lock of a living owner",
        SQLITE,
        "if row and row[0] and self._locks.alive(row[0]):",
        "if False:",
        "tests/contracts/test_store_processes.py",
    ),
    Mutant(
        "lock while writing",
        "tuiagent/stores/locks.py",
        "return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "return None",
        "tests/contracts/test_store_processes.py",
    ),
    Mutant(
        "seal: signature",
        "tuiagent/kernel/audit.py",
        "if not check(seal.key, payload(seal.heads), seal.signature):",
        "if False:",
        "tests/kernel/test_audit.py",
    ),
    Mutant(
        "seal: heads",
        "tuiagent/kernel/audit.py",
        'if found != sealed and only in ("", stream):',
        "if False:",
        "tests/kernel/test_audit.py",
    ),
    Mutant(
        "seal: copy",
        "tuiagent/engine/verify.py",
        "if signature not in signatures:",
        "if False:",
        "tests/flows/test_verify.py",
    ),
    Mutant(
        "chain: previous",
        "tuiagent/kernel/audit.py",
        "parts = [previous.hex(), stream,",
        'parts = ["", stream,',
        "tests/kernel/test_audit.py",
    ),
    Mutant(
        "settle",
        "tuiagent/tools/shell.py",
        'if state == "void":',
        "if True:",
        "tests/crash/test_kills.py -k spawned",
    ),
    Mutant(
        "settle: a file is compared",
        "tuiagent/tools/changing.py",
        "if now not in (change.before, change.after):",
        "if False:",
        "tests/contracts/test_tool.py",
    ),
    Mutant(
        "void stays void",
        SPOOL,
        'if self._boot() or any(map(self._has, ("void", "started", "exit"))):',
        "if False:",
        "tests/crash/test_spool.py",
    ),
    Mutant(
        "void is written",
        SPOOL,
        'self._put("void", b"")',
        "pass",
        "tests/crash/test_spool.py",
    ),
    Mutant(
        "approval binds to what was shown",
        CALL,
        "if intent.digest != state.digest:",
        "if False:",
        "tests/kernel/test_approval.py",
    ),
    Mutant(
        "nobody answers their own request",
        CALL,
        'agent:\n        raise Refused("nobody answers their own request")',
        "agent:\n        pass",
        "tests/kernel/test_approval.py",
    ),
    Mutant(
        "what is run is what was judged",
        CALLS,
        "if calls.digest(state.call.name, state.args, claims) != state.digest:",
        "if False:",
        "tests/flows",
    ),
    Mutant(
        "the policy of the moment",
        CALL,
        "if state.revision != revision:",
        "if False:",
        "tests/kernel",
    ),
    Mutant(
        "the policy of the moment, after a crash",
        CALLS,
        "if isinstance(outcome, Again) and state.revision != drive.state.revision:",
        "if False:",
        "tests/flows",
    ),
    Mutant("one observation", CALL, "if not state.open:", "if False:", "tests/kernel"),
    Mutant(
        "only the owner starts calls",
        CALL,
        'if not at.fence:\n        raise Refused("only the session\'s owner starts calls")',
        "pass",
        "tests/kernel",
    ),
    Mutant(
        "deny beats ask",
        "tuiagent/kernel/policy.py",
        "    if denied:\n",
        "    if False:\n",
        "tests/kernel/test_policy.py",
    ),
    Mutant(
        "secrets",
        "tuiagent/kernel/policy.py",
        'return Verdict("deny", "secrets"',
        'return Verdict("allow", "secrets"',
        "tests/kernel/test_policy.py",
    ),
    Mutant(
        "rules match more than a prefix",
        "tuiagent/kernel/rules.py",
        "return not loopholes.loophole(found, len(written))",
        "return True",
        POLICY,
    ),
    Mutant(
        "only known options are free (a policy by prefix)",
        "tuiagent/kernel/programs.py",
        "    if program is None or found is None:\n        return None\n",
        "    if program is None or found is None:\n        return Use() if program else None\n",
        TABLES,
    ),
    Mutant(
        "an allowing * is no exact text",
        "tuiagent/kernel/rules.py",
        'return rule.action != "allow" or not wild(rule)',
        "return True",
        POLICY,
    ),
    Mutant(
        "options that are not known",
        "tuiagent/kernel/options.py",
        '            if option is None or (option.endswith("=") and not left):\n'
        "                return None\n",
        '            option = option or ""\n',
        TABLES,
    ),
    Mutant(
        "words that the shell computes",
        "tuiagent/tools/bash.py",
        'raise NotPlain("it holds a $ or a ` within double quotes")',
        "pass",
        POLICY,
    ),
    Mutant(
        "characters that cannot be seen",
        "tuiagent/tools/bash.py",
        'strange = next((c for c in command if not c.isprintable() and c not in "\\t\\n"), "")',
        'strange = ""',
        POLICY,
    ),
    Mutant(
        "two readers agree",
        "tuiagent/tools/bash.py",
        "if not _agrees(command, commands):",
        "if False:",
        POLICY,
    ),
    Mutant(
        "names that read as options",
        "tuiagent/tools/commands.py",
        "    if odd:\n",
        "    if False:\n",
        POLICY,
    ),
    Mutant(
        "commands within commands",
        "tuiagent/kernel/rules.py",
        "for argv in (*claims.commands, *claims.inside))",
        "for argv in claims.commands)",
        POLICY,
    ),
    Mutant(
        "strings that wrappers run",
        "tuiagent/tools/bash.py",
        "if WORDY.search(text):",
        "if False:",
        POLICY,
    ),
    Mutant(
        "commands within commands without end",
        "tuiagent/tools/bash.py",
        "if depth == DEEP:\n                        raise ToolError(TANGLED)",
        "if depth == DEEP:\n                        continue",
        POLICY,
    ),
    Mutant(
        "patterns that quote a part",
        "tuiagent/tools/bash.py",
        "if any(part.glob for part in parts) and any(map(SIGNS.search, quoted)):",
        "if False:",
        POLICY,
    ),
    Mutant(
        "patterns where no file is wanted",
        "tuiagent/tools/commands.py",
        "if names and use is not None and not shown and not names <= {*use.files}:",
        "if False:",
        POLICY,
    ),
    Mutant(
        "where a folder's name leads",
        "tuiagent/tools/commands.py",
        "return [os.path.normpath(path), runtime.resolve(path)]",
        "return [runtime.resolve(path)]",
        POLICY,
    ),
    Mutant(
        "cd behind a wrapper",
        "tuiagent/tools/commands.py",
        'if inner != argv or len(words) != 1 or words[0] in ("", "-"):',
        "if False:",
        POLICY,
    ),
    Mutant(
        "links in folders that are read whole",
        "tuiagent/tools/commands.py",
        "away.append(runtime.resolve(entry.path))",
        "pass",
        POLICY,
    ),
    Mutant(
        "keys in folders that are read whole",
        "tuiagent/tools/commands.py",
        "keys.append(entry.path)",
        "pass",
        TABLES,
    ),
    Mutant(
        "programs of the folder itself",
        "tuiagent/tools/commands.py",
        "if runtime.find(program).startswith(top):",
        "if False:",
        POLICY,
    ),
    Mutant(
        "a PATH without the folder",
        "tuiagent/runtimes/local.py",
        'if entry.startswith("/"))',
        "if True)",
        POLICY,
    ),
    Mutant(
        "formats that set variables",
        "tuiagent/kernel/scripts.py",
        "and FORMAT.fullmatch(words[0])",
        "",
        TABLES,
    ),
    Mutant(
        "what find runs",
        "tuiagent/kernel/programs.py",
        "if ran is None or not 0 < argv.count(PLACE) == ran.files.count(PLACE):",
        "if ran is None:",
        POLICY,
    ),
    Mutant(
        "what find runs it on",
        "tuiagent/kernel/scripts.py",
        "if not end or not regular:",
        "if not end:",
        POLICY,
    ),
    Mutant(
        "a yes to keys is given once",
        "tuiagent/kernel/policy.py",
        'offer, neighbour = "", ""',
        "pass",
        TABLES,
    ),
    Mutant(
        "keys are not searched",
        "tuiagent/tools/search.py",
        "keys = holds_keys(file.path) and file.path != top",
        "keys = False",
        GROUP_C,
    ),
    Mutant(
        "links that are swapped in",
        "tuiagent/runtimes/files.py",
        "_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
        "_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC",
        GROUP_C,
    ),
    Mutant(
        "only regular files",
        "tuiagent/runtimes/files.py",
        '        raise OSError(errno.ENXIO, "not regular", path)\n',
        "        return\n",
        GROUP_C,
    ),
    Mutant(
        "folders with a million entries",
        "tuiagent/runtimes/files.py",
        "if len(names) > ENTRIES:",
        "if False:",
        GROUP_C,
    ),
    Mutant(
        "files that grew huge",
        "tuiagent/runtimes/files.py",
        "if os.fstat(file).st_size > HASHED:",
        "if False:",
        GROUP_C,
    ),
    Mutant(
        "the folder of what is read",
        "tuiagent/kernel/policy.py",
        "if claims.commands and not unknown and not away:",
        "if claims.commands and not unknown:",
        POLICY,
    ),
    Mutant(
        "a project only tightens",
        "tuiagent/config.py",
        'if source == "user" or action != "allow"',
        "",
        "tests/contracts/test_config.py",
    ),
    Mutant(
        "tools that a model was not told of",
        CALLS,
        "tool = drive.context.means.tool(call.name) if offered else None",
        "tool = drive.context.means.tool(call.name)",
        "tests/flows/test_undo.py",
    ),
    Mutant(
        "what was changed since an undo",
        "tuiagent/tools/undo.py",
        "    if block is None:\n            return None\n",
        "    if block is None:\n            return theirs\n",
        "tests/flows/test_undo.py",
    ),
    Mutant(
        "all or nothing",
        "tuiagent/tools/changing.py",
        "            await _take_back(kit, done, error)\n",
        "",
        "tests/contracts/test_tool.py",
    ),
    Mutant(
        "what a repository configures",
        "tuiagent/tools/git.py",
        'fixed = [*FIXED, *(f"{name}=" for name in await _running(kit, program))]',
        "fixed = list(FIXED)",
        "tests/contracts/test_tool.py -k git",
    ),
    Mutant(
        "links to instructions",
        "tuiagent/library/instructions.py",
        "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_RDONLY | os.O_NONBLOCK",
        "tests/contracts/test_instructions.py",
    ),
    Mutant(
        "a summary is completed",
        "tuiagent/kernel/compact.py",
        "    if rules:\n",
        "    if False:\n",
        "tests/kernel/test_compact.py",
    ),
    Mutant(
        "no number of words hides one",
        "tuiagent/tools/commands.py",
        "mentions=tuple(dict.fromkeys(mentions))",
        "mentions=tuple(dict.fromkeys(mentions))[:200]",
        POLICY,
    ),
    Mutant(
        "commands of any length",
        "tuiagent/tools/shell.py",
        "> SIZE:\n        raise ToolError(",
        "> SIZE * 100:\n        raise ToolError(",
        POLICY,
    ),
    Mutant(
        "what is erased leaves the index",
        "tuiagent/engine/engine.py",
        "            await forget(stream)\n",
        "            pass\n",
        SEARCH,
    ),
    Mutant(
        "erased pages of the index are overwritten",
        "tuiagent/stores/search.py",
        'SETTINGS = "PRAGMA secure_delete=ON;',
        'SETTINGS = "PRAGMA secure_delete=OFF;',
        SEARCH,
    ),
    Mutant(
        "erased words of the index are overwritten",
        "tuiagent/stores/search.py",
        "INSERT INTO words(words, rank) VALUES('secure-delete', 1);\n",
        "",
        SEARCH,
    ),
    Mutant(
        "deleted sessions are not found",
        "tuiagent/engine/search.py",
        'if asked.all or row["deleted"] is None',
        "",
        SEARCH,
    ),
    Mutant(
        "an index of another journal",
        "tuiagent/engine/search.py",
        "if position and self._journal.digest(position) != digest:",
        "if False:",
        SEARCH,
    ),
    Mutant(
        "an import leaves nothing of the state before",
        "tuiagent/kernel/transfer.py",
        "        setattr(state, name, getattr(fresh, name))\n",
        "        pass\n",
        TRANSFER,
    ),
    Mutant(
        "what a file opened is closed",
        "tuiagent/kernel/transfer.py",
        "return [*past, *_closing(then), imported]",
        "return [*past, imported]",
        TRANSFER,
    ),
    Mutant(
        "the actors of a file are marked",
        "tuiagent/kernel/transfer.py",
        "return actor if foreign(actor) else FOREIGN + actor",
        "return actor",
        TRANSFER,
    ),
    Mutant(
        "a file says nothing about this machine",
        "tuiagent/kernel/transfer.py",
        "return _bare(fact, origin=not first)",
        "return fact",
        TRANSFER,
    ),
    Mutant(
        "a file's chain",
        "tuiagent/kernel/transfer.py",
        "if line.version != number - 1 or link.hex() != line.hash:",
        "if False:",
        TRANSFER,
    ),
    Mutant(
        "a file's end",
        "tuiagent/kernel/transfer.py",
        "if link.hex() != told.head:",
        "if False:",
        TRANSFER,
    ),
    Mutant(
        "a file's blobs",
        "tuiagent/kernel/transfer.py",
        "if hashlib.sha256(blob.data).hexdigest() != blob.blob:",
        "if False:",
        TRANSFER,
    ),
    Mutant(
        "a file erases nothing",
        "tuiagent/kernel/transfer.py",
        "if isinstance(fact, SessionErased) or (first",
        "if (first",
        TRANSFER,
    ),
    Mutant(
        "ids that follow from a once",
        "tuiagent/kernel/transfer.py",
        " or intent.stream.startswith(RESERVED):",
        ":",
        TRANSFER,
    ),
    Mutant(
        "a file that no view can tell",
        "tuiagent/engine/engine.py",
        "await asyncio.to_thread(checked, intent, self.journal.world.now(), actor)",
        "checked and {}",
        TRANSFER,
    ),
    Mutant(
        "an imported call is not undone",
        "tuiagent/engine/steps/undo.py",
        "if ended and foreign(ended[-1][0]):",
        "if False:",
        TRANSFER,
    ),
    *(
        Mutant(
            f"imported facts and the {name}",
            f"tuiagent/views/{name}.py",
            "if foreign(seen.actor):",
            "if False:",
            TRANSFER,
        )
        for name in ("inbox", "grants", "usage")
    ),
    Mutant(
        "what an import leaves running",
        "tuiagent/kernel/transfer.py",
        "[JobEnded(job.id, ended) for job in then.jobs.running()]",
        "[]",
        TRANSFER,
    ),
    Mutant(
        "imported facts and the jobs",
        "tuiagent/views/jobs.py",
        " and not foreign(seen.actor) else None",
        " else None",
        TRANSFER,
    ),
    Mutant(
        "a file that is there is not overwritten",
        "tuiagent/clients/cli/whole.py",
        "if not force:",
        "if False:",
        TRANSFER,
    ),
    Mutant("savepoint", SQLITE, "with self._connection:\n                yield", "yield", STORES),
    Mutant(
        "fsync",
        SQLITE,
        'synchronous: str = "FULL"',
        'synchronous: str = "NORMAL"',
        "tests/crash/test_power.py",
    ),
    Mutant(
        "reserve",
        "tuiagent/stores/opening.py",
        "os.unlink(_reserve(root))",
        "return False",
        "tests/contracts/test_store_reserve.py",
    ),
    Mutant(
        "newer journal",
        "tuiagent/stores/opening.py",
        "elif version > len(MIGRATIONS):",
        "elif False:",
        STORES,
    ),
    Mutant(
        "backup before tables change",
        "tuiagent/stores/opening.py",
        'copying.copy(connection, os.path.join(folder, f"schema-{version}.db"))',
        "pass",
        "tests/contracts/test_migration.py",
    ),
    Mutant(
        "older processes while tables change",
        "tuiagent/stores/opening.py",
        "if others and any(migration.alone for migration in MIGRATIONS[version:]):",
        "if False:",
        "tests/contracts/test_migration.py",
    ),
    Mutant(
        "tables that changed before the owner's lock",
        SQLITE,
        "opening.look(self._writer, self._path)",
        "pass",
        "tests/contracts/test_migration.py",
    ),
    Mutant(
        "only what a fact erased is erased",
        JOURNAL,
        "kinds = frozenset({SessionErased.__name__})",
        "kinds = None",
        "tests/flows/test_upkeep.py",
    ),
    Mutant(
        "sessions that others were forked from",
        "tuiagent/engine/upkeep.py",
        "return sorted(due - needed), sorted(needed), gone",
        "return sorted(due), [], gone",
        "tests/flows/test_upkeep.py",
    ),
    Mutant(
        "upkeep by one process",
        "tuiagent/engine/upkeep.py",
        "fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/flows/test_upkeep.py",
    ),
    Mutant(
        "spools of sessions that go on",
        "tuiagent/engine/upkeep.py",
        "if stream in gone or (old and stream not in busy):",
        "if stream in gone or old:",
        "tests/flows/test_upkeep.py",
    ),
    Mutant(
        "newer shape",
        "tuiagent/kernel/codec.py",
        "return kind in self._facts and 1 <= shape <= shape_of(self._facts[kind])",
        "return kind in self._facts",
        "tests/kernel/test_codec.py tests/contracts/test_golden.py",
    ),
    Mutant(
        "upgrade of an old shape",
        "tuiagent/kernel/codec.py",
        "if older := known.upgrades[shape - 1 :]:",
        "if older := ():",
        "tests/contracts/test_golden.py",
    ),
    Mutant(
        "a fact that changed",
        "tuiagent/kernel/lifecycle.py",
        'agent: str = "agent"',
        'agent: str = "helper"',
        "tests/contracts/test_golden.py",
    ),
    Mutant(
        "network drive", "tuiagent/stores/opening.py", "if kind in REMOTE:", "if False:", STORES
    ),
    Mutant(
        "an answer that was cut",
        "tuiagent/engine/steps/model.py",
        "if assembly.stop is None:",
        "if False:",
        "tests/flows tests/contracts/test_provider.py",
    ),
    Mutant(
        "a file that changed meanwhile",
        "tuiagent/runtimes/files.py",
        "if expect is not None and _hash(name, folder) != expect:",
        "if False:",
        "tests/contracts",
    ),
    Mutant(
        "escape sequences",
        "tuiagent/clients/clean.py",
        're.sub(ESCAPES, "", text.replace("\\r\\n", "\\n"))\n    text = re.sub(CONTROLS, "", text)',
        "text",
        "tests/flows/test_cli.py",
    ),
    Mutant(
        "mode auto is said openly",
        "tuiagent/clients/cli/begin.py",
        'if settings.mode == "auto" and not args.no_sandbox:',
        "if False:",
        "tests/flows/test_cli.py",
    ),
    Mutant(
        "a key stays out of commands",
        "tuiagent/config.py",
        'if n in KEEP or n.startswith("LC_")',
        "if True",
        "tests/flows/test_cli.py",
    ),
    Mutant(
        "schema: references are not followed",
        "tuiagent/clients/cli/fits.py",
        "offline=True,",
        "offline=False,",
        f"{ANSWER} -k reference",
    ),
    Mutant(
        "schema: patterns are bounded",
        "tuiagent/clients/cli/fits.py",
        "backtrack_limit=STEPS",
        "backtrack_limit=1 << 40",
        f"{ANSWER} -k explodes",
    ),
    Mutant(
        "schema: what does not fit is not told",
        "tuiagent/clients/cli/answer.py",
        "        if not errors:\n            follow.document",
        "        if True:\n            follow.document",
        f"{ANSWER} -k not_told",
    ),
    Mutant(
        "schema: two corrections",
        "tuiagent/clients/cli/answer.py",
        "follow.repairs < REPAIRS and",
        "follow.repairs < 3 and",
        f"{ANSWER} -k not_told",
    ),
    Mutant(
        "schema: limits hold over corrections",
        "tuiagent/clients/cli/answer.py",
        "limits=limits)",
        "limits=follow._limits)",
        f"{ANSWER} -k limit",
    ),
    Mutant(
        "a message is no yes",
        "tuiagent/clients/cli/approve.py",
        'SHORT = re.compile(r"y|n|',
        'SHORT = re.compile(r"y.*|n|',
        f"{PLAIN} -k yes",
    ),
    Mutant(
        "only announcements begin a line",
        "tuiagent/clients/cli/voice.py",
        'INDENT = "  "',
        'INDENT = ""',
        f"{PLAIN} -k announcement",
    ),
    Mutant(
        "what is approved is shown exactly",
        "tuiagent/clients/cli/voice.py",
        'self.exact(f"    {name}: {line}")',
        'self.line(f"    {name}: {line}")',
        f"{PLAIN} -k ascii",
    ),
    Mutant(
        "a key's scope at a route",
        "tuiagent/clients/web/access.py",
        "need(principal, [route.scope])",
        "pass",
        WEB_API,
    ),
    Mutant(
        "a live key at a route",
        "tuiagent/clients/web/access.py",
        "if principal is None:",
        "if False:",
        WEB_API,
    ),
    Mutant(
        "a route without a scope",
        "tuiagent/clients/web/routes.py",
        "if route.scope not in (*SCOPES, OPEN, ANY):",
        "if False:",
        WEB_API,
    ),
    Mutant(
        "another's session is not there",
        "tuiagent/clients/web/api/sessions.py",
        "        if found:",
        "        if found or True:",
        WEB_API,
    ),
    Mutant(
        "a mode that says yes",
        "tuiagent/clients/web/api/sessions.py",
        "need(asked.principal, [of_mode(mode)])",
        "pass",
        WEB_API,
    ),
    Mutant(
        "mode auto without a sandbox",
        "tuiagent/clients/web/api/sessions.py",
        'if mode == "auto" and not no_sandbox:',
        "if False:",
        WEB_API,
    ),
    Mutant(
        "the address of a provider without its password",
        "tuiagent/clients/web/api/house.py",
        'netloc=parts.netloc.rpartition("@")[2], ',
        "",
        WEB_API,
    ),
    Mutant(
        "a run is cancelled and not its neighbour",
        "tuiagent/kernel/run.py",
        'if intent.run not in ("", run.id):',
        "if False:",
        "tests/kernel/test_session.py",
    ),
    Mutant(
        "a position that is none",
        "tuiagent/clients/web/events.py",
        'if not re.fullmatch("[0-9]{1,18}", text):',
        "if False:",
        WEB_STREAMS,
    ),
    Mutant(
        "a position beyond the end",
        "tuiagent/clients/web/events.py",
        "return Wanted(select, min(after, end), after > end, part)",
        "return Wanted(select, after, False, part)",
        WEB_STREAMS,
    ),
    Mutant(
        "who never reads",
        "tuiagent/clients/web/outlet.py",
        "if now - self._since >= self._pace.stuck:",
        "if False:",
        f"{WEB_STREAMS} {WEB_SOCKET}",
    ),
    Mutant(
        "room for one viewer",
        "tuiagent/clients/web/outlet.py",
        "if self._size > ROOM:",
        "if False:",
        f"{WEB_STREAMS} {WEB_SOCKET}",
    ),
    Mutant(
        "bytes that wait for one reader",
        "tuiagent/engine/hub.py",
        "if len(self._items) >= LIMIT or (self._items and self._size > ROOM):",
        "if len(self._items) >= LIMIT:",
        "tests/contracts/test_hub.py",
    ),
    Mutant(
        "bytes of history that one reader holds",
        "tuiagent/stores/reading.py",
        'if room is not None and (room := room - len(columns[7] or b"")) <= 0:',
        "if False:",
        "tests/contracts/test_store.py",
    ),
    Mutant(
        "credit of a watch",
        "tuiagent/clients/web/live.py",
        "await credit.spend()",
        "pass",
        f"{WEB_SOCKET} -k credit",
    ),
    Mutant(
        "credit of a watch over a Unix socket",
        "tuiagent/clients/web/socket.py",
        "await credit.spend()",
        "pass",
        "tests/contracts/test_client.py -k takes_nothing",
    ),
    Mutant(
        "streams of a key that ended",
        "tuiagent/clients/web/access.py",
        'finish(end, "key", why)',
        "pass",
        f"{WEB_STREAMS} {WEB_SOCKET}",
    ),
    Mutant(
        "intents by scope",
        "tuiagent/clients/web/live.py",
        "need(self._principal, of_intent(intent))",
        "pass",
        WEB_SOCKET,
    ),
    Mutant(
        "views by scope",
        "tuiagent/clients/web/live.py",
        "need(self._principal, [of_view(ask.view)])",
        "pass",
        WEB_SOCKET,
    ),
    Mutant(
        "watches by scope",
        "tuiagent/clients/web/live.py",
        "need(self._principal, [of_select(ask.select)])",
        "pass",
        WEB_SOCKET,
    ),
    Mutant(
        "watches on one connection",
        "tuiagent/clients/web/live.py",
        'elif ask.op == "watch" and self._watches >= WATCHES:',
        "elif False:",
        WEB_SOCKET,
    ),
)


def noticed(mutant: Mutant) -> str:
    """red, GREEN, or why there is no answer."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "copy"
        skip = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, copy, ignore=skip)
        path = copy / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            return f"STALE: its text is there {text.count(mutant.old)} times"
        path.write_text(text.replace(mutant.old, mutant.new))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider"]
        env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, *mutant.tests.split()],
            cwd=copy,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode == 1 and " failed" in done.stdout:
            return "red"
        if done.returncode == 0:
            return "GREEN: no test noticed"
        return f"BROKEN: {done.stdout[-300:]}{done.stderr[-300:]}"


def main() -> int:
    """Tries the guards that are named, or all; 1 when one was not missed."""
    wanted = sys.argv[1:]
    bad = 0
    for mutant in MUTANTS:
        if wanted and not any(mutant.name.startswith(name) for name in wanted):
            continue
        began = time.monotonic()
        found = noticed(mutant)
        bad += found != "red"
        print(f"{mutant.name:42} {found}  ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{bad} guards were not missed" if bad else "every guard was missed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
