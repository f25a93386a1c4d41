"""A disk that can lose its power: an apsw VFS that knows what was synced and what was not.

Data goes through to the real files, so that locks, shared memory and other connections work as
ever; beside them each file's durable bytes and the writes since its last sync are kept. `cut`
makes the image that a disk might hold after the power failed: every unsynced write is kept or
dropped sector by sector, an unsynced cut of length, a new name or a removal likewise.

A new file's name is durable with its first sync: SQLite's own VFS then syncs the folder, too, so
that names that were removed before stay so.
"""

import os
from random import Random
from typing import Any

import apsw

SECTOR = 512

Change = tuple[int, bytes] | int
"""A write (offset, data), or a new length."""


class Disk:
    """What survives of one file."""

    def __init__(self, durable: bytearray | None) -> None:
        self.durable = durable
        """None while not even the name would survive."""
        self.unsynced: list[Change] = []
        self.removed = False
        """Only its folder has to be synced for that to last."""

    def sync(self) -> None:
        """Everything is durable now."""
        self.durable = self.durable or bytearray()
        for change in self.unsynced:
            apply(self.durable, change)
        self.unsynced.clear()

    def after_cut(self, random: Random) -> bytes | None:
        """What the disk may hold; None for no file."""
        if self.durable is None and random.random() < 0.5:
            return None
        image = bytearray(self.durable or b"")
        kept = random.choice((0.0, 0.5, 0.9, 1.0))
        for change in self.unsynced:
            for part in [change] if isinstance(change, int) else sectors(*change):
                if random.random() < kept:
                    apply(image, part)
        return bytes(image)


def apply(image: bytearray, change: Change) -> None:
    """Does to the image what the change did to the file."""
    if isinstance(change, int):
        del image[change:]
        image.extend(bytes(change - len(image)))
        return
    offset, data = change
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data


def sectors(offset: int, data: bytes) -> list[tuple[int, bytes]]:
    """The write as the disk does it: a sector at a time."""
    start = offset - offset % SECTOR
    cuts = [max(place, offset) for place in range(start, offset + len(data), SECTOR)]
    ends = [*cuts[1:], offset + len(data)]
    return [(a, data[a - offset : b - offset]) for a, b in zip(cuts, ends, strict=True)]


class PowerCut(apsw.VFS):
    """The VFS; after `fail_at` operations the power is gone, and every operation fails."""

    def __init__(self, name: str, fail_at: int) -> None:
        self.name = name
        self.fail_at = fail_at
        self.operations = 0
        self.disks: dict[str, Disk] = {}
        self.over = False
        super().__init__(name, "unix", exclude={"xSetSystemCall", "xGetSystemCall"})

    def xOpen(self, name: Any, flags: list[int]) -> "PowerCutFile":
        """Opens a file through the real VFS and begins to keep book of it."""
        self.step()
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path and path not in self.disks:
            there = os.path.exists(path)
            self.disks[path] = Disk(bytearray(read(path)) if there else None)
        if path:
            self.disks[path].removed = False
        return PowerCutFile(self, name, flags, self.disks[path] if path else Disk(None))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Removes a file; durable when the folder is synced, as SQLite asks for a journal."""
        self.step()
        super().xDelete(filename, syncdir)
        disk = self.disks.get(filename)
        if disk is not None and syncdir:
            del self.disks[filename]
        elif disk is not None:
            disk.unsynced.append(0)
            disk.removed = True

    def synced(self) -> None:
        """The folder is."""
        self.disks = {path: disk for path, disk in self.disks.items() if not disk.removed}

    def step(self) -> None:
        """Counts an operation that may change the disk; fails when the power is gone."""
        self.operations += 1
        if self.dark and not self.over:
            raise apsw.IOError("the power is gone")

    @property
    def dark(self) -> bool:
        """Whether the power is gone."""
        return self.operations >= self.fail_at

    def cut(self, folder: str, random: Random) -> None:
        """Makes a folder that holds what the disk may hold now; the old one may be closed."""
        self.over = True
        os.makedirs(folder)
        for path, disk in self.disks.items():
            image = disk.after_cut(random)
            if image is not None:
                with open(os.path.join(folder, os.path.basename(path)), "wb") as file:
                    file.write(image)


class PowerCutFile(apsw.VFSFile):
    """One open file; the changes go to the real file and into the book."""

    def __init__(self, vfs: PowerCut, name: Any, flags: list[int], disk: Disk) -> None:
        self.vfs = vfs
        self.disk = disk
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Not durable before the next sync; a part of it may be, even of the very last."""
        if not self.vfs.dark:
            self.disk.unsynced.append((offset, bytes(data)))
        self.vfs.step()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        """See xWrite."""
        if not self.vfs.dark:
            self.disk.unsynced.append(newsize)
        self.vfs.step()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        """Now it is durable; the real disk need not be bothered."""
        self.vfs.step()
        if self.disk.durable is None:
            self.vfs.synced()
        self.disk.sync()


def read(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()
