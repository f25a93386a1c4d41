"""Images and documents that come with a prompt: their bytes, or the hashes of what is kept here."""

from msgspec.structs import replace

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.media import File, line
from tuiagent.kernel.prompts import SubmitPrompt
from tuiagent.ports import Store


def brought(intent: SubmitPrompt, store: Store) -> SubmitPrompt:
    """The prompt with all its bytes. Raises Refused where those of a hash are not kept."""
    files: list[File] = []
    for one in intent.media:
        body = store.blob(one.blob)
        if body is None:
            raise Refused(f"{line(one)} is not kept any more: put it into the prompt again")
        files.append(File(one.name, body))
    return replace(intent, files=(*files, *intent.files), media=())
