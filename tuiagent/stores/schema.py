"""The tables of the SQLite journal; migrations only add, unless they say otherwise."""

from msgspec import Struct

APPLICATION = 0x74756961
"""`tuia`, so that other programs' files are not taken for ours."""


class Migration(Struct, frozen=True):
    """One step from the tables of one version to those of the next."""

    sql: str
    alone: bool = False
    """It changes or takes away what older versions use: no process of one may be there."""


TABLES = Migration(
    """
    CREATE TABLE event(
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        at REAL NOT NULL,
        actor TEXT NOT NULL,
        kind TEXT NOT NULL,
        shape INTEGER NOT NULL,
        body BLOB,
        body_hash BLOB NOT NULL,
        hash BLOB NOT NULL,
        blob TEXT,
        UNIQUE(stream, version)
    ) STRICT;
    CREATE INDEX event_kind ON event(kind, position);
    CREATE TABLE stream(
        id TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        hash BLOB NOT NULL,
        position INTEGER NOT NULL,
        wake REAL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE claim(
        stream TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        fence INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE once(
        actor TEXT NOT NULL,
        key TEXT NOT NULL,
        stream TEXT NOT NULL,
        at REAL NOT NULL,
        intents BLOB NOT NULL,
        position INTEGER NOT NULL,
        refusal TEXT NOT NULL,
        PRIMARY KEY(actor, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE blob(hash TEXT PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE ref(
        blob TEXT NOT NULL,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY(blob, stream, version)
    ) STRICT, WITHOUT ROWID;
    """
)
MIGRATIONS = (
    TABLES,
    # What a stream refers to is found without looking through all blobs.
    Migration("CREATE INDEX ref_stream ON ref(stream, version)"),
)
