"""The answer that is wanted of a run: one JSON document that fits a JSON Schema."""

import asyncio
import os
import re
import subprocess
import sys
from typing import Any

import msgspec

from tuiagent.clients.cli.follow import Follow
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.ports import Client

LARGEST = 1 << 16
"""Bytes of a schema: the model has to read it."""
PATIENCE = 15.0
"""Seconds until checking has taken too long, whatever it is that it waits for."""
REPAIRS = 2
"""How often a model may correct its answer."""
FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
WANTED = """\
Your last message must be one JSON document that fits the JSON Schema below, and nothing else: no \
words before it or after it, no code fence."""
REPAIR = """\
Your last message should have been one JSON document that fits the JSON Schema below. It does not \
fit:
{errors}
Answer with the corrected document and nothing else: no words before it or after it, no code \
fence."""
TOO_MUCH = "checking takes too much time or memory: the schema branches or recurses too much"
CHECKER = os.path.join(os.path.dirname(__file__), "fits.py")


class Wanted:
    """A JSON Schema from a file, and what is done with an answer that should fit it."""

    def __init__(self, path: str, folder: str) -> None:
        """Raises ConfigError for a file that holds no schema."""
        self._path = path
        place = os.path.join(folder, path)
        try:
            if not os.path.isfile(place) or os.path.getsize(place) > LARGEST:
                raise ConfigError("it is not a regular file of at most 64 KiB")
            with open(place, "rb") as file:
                schema = msgspec.json.decode(file.read())
                self._schema = msgspec.json.encode(schema).decode()
        except (OSError, ValueError, RecursionError, ConfigError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"--output-schema {path}: {why}") from error
        self.schema: dict[str, Any] | None = schema if isinstance(schema, dict) else None
        """What a provider may see to itself; None for a schema that says only yes or no."""

    async def check(self) -> None:
        """Raises ConfigError for what is no schema, or refers to something outside of it."""
        refused = (await _ask(self._schema)).get("refused")
        if refused:
            raise ConfigError(f"--output-schema {self._path}: {refused}{_hint(refused)}")

    def asked(self, text: str) -> str:
        """The prompt, and how it is to be answered."""
        return f"{text}\n\n{WANTED}\n\n{self._shown()}"

    def _shown(self) -> str:
        return f"<json-schema>\n{self._schema}\n</json-schema>"

    async def repaired(self, client: Client, stream: str, follow: Follow) -> bool:
        """Whether the model was asked to correct its answer; else `follow` says what it is.

        A repetition asks nothing twice: the prompt's id follows from the run that it corrects.
        """
        ident = stream.partition("/")[2]
        try:
            document, errors = await self._read(follow.answer)
        except ConfigError as error:
            follow.status = "error"
            again = f"--resume {ident} --output-schema {self._path}"
            follow.error = f"{error}\ncorrect the schema, then: tuiagent --headless {again}"
            return False
        if not errors:
            follow.document = document
            return False
        listed = "\n".join(f"- {error}" for error in errors)
        limits = follow.left()
        if follow.repairs < REPAIRS and limits is not None:
            text = f"{REPAIR.format(errors=listed)}\n\n{self._shown()}"
            submit = SubmitPrompt(stream, follow.repair, text, limits=limits, schema=self.schema)
            await client.submit(submit, f"{stream}/{follow.repair}")
            return True
        follow.status = "limit" if limits is None else "error"
        over = "a limit is used up" if limits is None else f"{REPAIRS} corrections did not help"
        follow.error = (
            f"the answer does not fit {self._path}, and {over}:\n{listed}\n"
            f"read it with: tuiagent sessions show {ident}"
        )
        return False

    async def _read(self, answer: str) -> tuple[str, list[str]]:
        """The document in the answer, written anew as it was understood, or what is wrong.

        Raises ConfigError for a schema that this answer cannot be checked against.
        """
        fenced = FENCE.fullmatch(answer)
        try:
            document = msgspec.json.encode(
                msgspec.json.decode(fenced[1] if fenced else answer)
            ).decode()
        except (ValueError, RecursionError) as error:
            return "", [f"it is not one JSON document: {error}"]
        found = await _ask(self._schema, document)
        if "refused" in found:
            raise ConfigError(
                f"the answer cannot be checked against {self._path}: {found['refused']}"
            )
        return document, found["errors"]


def _hint(refused: str) -> str:
    if "etriev" not in refused and "base URI" not in refused:
        return ""
    return "; nothing is fetched: put what is referred to under $defs"


async def _ask(schema: str, document: str | None = None) -> dict[str, Any]:
    """What the checker says in a process of its own, which may not take long."""
    given = {"schema": schema} | ({} if document is None else {"document": document})
    argv = [sys.executable, "-I", CHECKER]
    return await asyncio.to_thread(_checked, argv, msgspec.json.encode(given))


def _checked(argv: list[str], given: bytes) -> dict[str, Any]:
    try:
        done = subprocess.run(
            argv, input=given, capture_output=True, timeout=PATIENCE, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        return {"refused": TOO_MUCH}
    if done.returncode < 0:
        return {"refused": TOO_MUCH}
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"refused": f"the checker failed: {last}"}
    return msgspec.json.decode(done.stdout)
