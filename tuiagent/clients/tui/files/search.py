"""A search for a file by words of its path."""

from tuiagent.clients.tui.files import disk
from tuiagent.clients.tui.files.place import Place
from tuiagent.clients.tui.files.tree import Entry
from tuiagent.threads import in_thread


class Search:
    """What is searched for in a place, and what was found."""

    def __init__(self, place: Place) -> None:
        self.wanted = ""
        self.found: tuple[Entry, ...] = ()
        """Entries that are named by their whole path, the best first."""
        self._place = place
        self._every: list[str] | None = None
        self._more = 0

    @property
    def title(self) -> str:
        """What is searched for, and how much is not shown."""
        return f"/{self.wanted}▏" + (f" {self._more:,} more" if self._more else "")

    @property
    def note(self) -> str:
        """Said where nothing was found."""
        return "searching" if self._every is None else "nothing found"

    async def list(self) -> None:
        """Lists all files."""
        place = self._place
        self._every = await in_thread(lambda: disk.every(place.root, place.git))
        await self.seek(self.wanted)

    async def seek(self, wanted: str) -> None:
        """Looks for these words; what was asked for last wins."""
        self.wanted = wanted
        every = self._every
        if every is not None:
            listing = await in_thread(lambda: disk.matching(every, wanted))
            if wanted == self.wanted:
                self.found, self._more = listing.entries, listing.more
