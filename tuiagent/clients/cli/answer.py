"""The answer that is wanted of a run: one JSON document that fits the JSON Schema of a file."""

import os
from typing import Any

import msgspec

from tuiagent.clients import fitting
from tuiagent.clients.cli.follow import Follow
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.ports import Client

REPAIRS = 2
"""How often a model may correct its answer."""
REPAIR = """\
Your last message should have been one JSON document that fits the JSON Schema below. It does not \
fit:
{errors}
Answer with the corrected document and nothing else: no words before it or after it, no code \
fence."""


class Wanted:
    """A JSON Schema from a file, and what is done with an answer that should fit it."""

    def __init__(self, path: str, folder: str) -> None:
        """Raises ConfigError for a file that holds no schema."""
        self._path = path
        place = os.path.join(folder, path)
        try:
            if not os.path.isfile(place) or os.path.getsize(place) > fitting.LARGEST:
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
        if refused := await fitting.refusal(self._schema):
            raise ConfigError(f"--output-schema {self._path}: {refused}")

    def asked(self, text: str) -> str:
        """The prompt, and how it is to be answered."""
        return fitting.asked(text, self._schema)

    async def repaired(self, client: Client, stream: str, follow: Follow) -> bool:
        """Whether the model was asked to correct its answer; else `follow` says what it is.

        A repetition asks nothing twice: the prompt's id follows from the run that it corrects.
        """
        ident = stream.partition("/")[2]
        try:
            document, errors = await fitting.read(follow.answer, self._schema)
        except ConfigError as refused:
            follow.status = "error"
            error = f"the answer cannot be checked against {self._path}: {refused}"
            again = f"--resume {ident} --output-schema {self._path}"
            follow.error = f"{error}\ncorrect the schema, then: tuiagent --headless {again}"
            return False
        if not errors:
            follow.document = document
            return False
        listed = "\n".join(f"- {error}" for error in errors)
        limits = follow.left()
        if follow.repairs < REPAIRS and limits is not None:
            text = f"{REPAIR.format(errors=listed)}\n\n{fitting.shown(self._schema)}"
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
