"""A search for a file by words of its path."""

from collections.abc import Sequence

from tuiagent.clients.tui.files import disk
from tuiagent.clients.tui.files.place import Place
from tuiagent.clients.tui.files.tree import Entry, Listing
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
        self._looking = False

    @property
    def title(self) -> str:
        """What is searched for, and how much is not shown."""
        more = f" {self._more:,} more" if self._more else ""
        part = self._every is not None and len(self._every) > disk.WALKED
        return f"/{self.wanted}▏{more}" + (" (not all files were looked at)" if part else "")

    @property
    def note(self) -> str:
        """Said where nothing was found."""
        return "searching" if self._every is None else "nothing found"

    async def list(self) -> None:
        """Lists all files, and looks among them."""
        place = self._place
        self._every = await in_thread(lambda: disk.every(place.root, place.git))
        await self.look()

    async def look(self) -> None:
        """Looks for what is wanted; what is wanted meanwhile is looked for next."""
        every = self._every
        if every is None or self._looking:
            return
        self._looking, done = True, None
        while done != self.wanted:
            done = wanted = self.wanted
            listing = await in_thread(lambda wanted=wanted: self._found(every, wanted))
            if wanted == self.wanted:
                self.found, self._more = listing.entries, listing.more
        self._looking = False

    def _found(self, every: Sequence[str], wanted: str) -> Listing:
        """Ends early once something else is wanted. Blocks."""
        return disk.matching(every, wanted, lambda: wanted != self.wanted)
