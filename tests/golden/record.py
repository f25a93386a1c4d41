"""Records the golden journal of this version, and reads those of all versions."""

import asyncio
import gzip
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tests.golden.shapes import Listing, listing, problems, unset
from tests.golden.story import tell
from tests.house import Fakes, build
from tuiagent import __version__
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.event import Erased, Fact
from tuiagent.stores import opening
from tuiagent.stores.sqlite import SqliteStore

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "journal.db.gz").exists())
STANDING = ("sessions", "usage", "grants", "inbox")
OF_ONE = ("transcript", "prompt", "files")


def restored(version: str, root: Path) -> Path:
    """A copy of a version's state root in this folder; the journal's path."""
    root.mkdir(mode=0o700)
    journal = root / "journal.db"
    journal.touch(0o600)
    journal.write_bytes(gzip.decompress((HERE / version / "journal.db.gz").read_bytes()))
    (root / "seals.jsonl").write_bytes((HERE / version / "seals.jsonl").read_bytes())
    return journal


def recorded(version: str, name: str) -> Any:
    """What a version recorded: its views or shapes."""
    return msgspec.json.decode((HERE / version / f"{name}.json").read_bytes())


def facts(journal: Path) -> list[Fact]:
    """Everything in a journal that was not erased, as this code reads it."""
    known = codec()
    with closing(SqliteStore(str(journal))) as store:
        found = [known.event(record).fact for record in store.tail("*", 0, 100_000)]
    return [fact for fact in found if not isinstance(fact, Erased)]


async def views(journal: Path) -> dict[str, Any]:
    """All views of a journal, as this code reads it."""
    made = await build(Fakes(journal.parent, []), SqliteStore(str(journal)))
    try:
        client = made.seat()
        found = {name: (await client.read(name)).data for name in STANDING}
        for row in found["sessions"]:
            for name in OF_ONE:
                stream = row["stream"]
                found[f"{name} {stream}"] = (await client.read(name, stream)).data
    finally:
        await made.close()
    return msgspec.json.decode(msgspec.json.encode(found))


def main() -> int:
    """Records this version, and what all read as.

    The journal is made anew only when something new has to be in it.
    """
    folder, new = HERE / __version__, listing()
    if folder.exists():
        old: Listing = recorded(__version__, "shapes")
        wrong = [*problems(old, new), *raised(old, new)]
        if wrong:
            say = f"{__version__} is recorded as it is; a new shape begins with a new version"
            print("\n".join([*wrong, say]), file=sys.stderr)
            return 1
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        scratch, schema = Path(name), len(opening.MIGRATIONS)
        if (folder / "journal.db.gz").exists():
            before = restored(__version__, scratch / "before")
            schema = schema_of(before)
            missing = unset(new, facts(before))
        else:
            missing = {"everything"}
        if missing:
            _tell(scratch / "new", folder, schema)
        for version in {*VERSIONS, __version__}:
            journal = restored(version, scratch / version)
            _write(HERE / version / "views.json", asyncio.run(views(journal)))
    _write(folder / "shapes.json", new)
    return 0


def raised(old: Listing, new: Listing) -> list[str]:
    """The kinds that have a newer shape than the recorded one."""
    kinds = new["facts"]
    newer = [k for k, row in old["facts"].items() if kinds.get(k, row)["shape"] > row["shape"]]
    return [f"{kind} has a new shape" for kind in newer]


def schema_of(journal: Path) -> int:
    """The number of the newest migration in a journal's file."""
    with closing(apsw.Connection(str(journal))) as raw:
        return raw.execute("PRAGMA user_version").get


def _tell(root: Path, folder: Path, schema: int) -> None:
    """Makes the journal anew, with the tables that the version had when it was first recorded."""
    every, opening.MIGRATIONS = opening.MIGRATIONS, opening.MIGRATIONS[:schema]
    try:
        asyncio.run(tell(root))
    finally:
        opening.MIGRATIONS = every
    body = gzip.compress((root / "journal.db").read_bytes(), 9, mtime=0)
    (folder / "journal.db.gz").write_bytes(body)
    (folder / "seals.jsonl").write_bytes((root / "seals.jsonl").read_bytes())


def _write(path: Path, value: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
