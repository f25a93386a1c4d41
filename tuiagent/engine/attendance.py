"""At which sessions somebody is: a run that nobody sees waits where another one would end."""

from tuiagent.kernel.presence import GONE, ShowPresence


class Attendance:
    """Who has said that they are at a session, and not that they have gone."""

    def __init__(self, own: bool = True) -> None:
        """`own`: this process has a client of its own, which sees all that is driven here."""
        self._own = own
        self._there: dict[str, set[str]] = {}

    def show(self, shown: ShowPresence) -> None:
        """Somebody is there, or has gone."""
        there = self._there.setdefault(shown.stream, set())
        (there.discard if shown.doing == GONE else there.add)(shown.client)
        if not there:
            del self._there[shown.stream]

    def at(self, stream: str) -> bool:
        """Whether somebody is there."""
        return self._own or stream in self._there
