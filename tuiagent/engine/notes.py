"""What a tool noted of a call, as it is kept in a fact."""

from typing import Any

from tuiagent.ports import Note


def encode_note(note: Note) -> dict[str, Any]:
    """The note as it is kept in a fact."""
    return {**note.data, "blobs": list(note.blobs)} if note.blobs else note.data


def decode_note(data: dict[str, Any]) -> Note:
    """The note that was kept in a fact."""
    data = dict(data)
    return Note(data, tuple(data.pop("blobs", ())))
