"""ports.Library of one folder: what was written for its sessions, read when it is asked for."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.standing import Standing
from tuiagent.library import hooks, instructions, places, skills
from tuiagent.library.places import Place
from tuiagent.ports.library import Hook, Paper, Words

if TYPE_CHECKING:
    from tuiagent.library.commands import Given

SKILLS = """
# Skills

Load one with the tool `skill` before you do what it is for. Where a person writes #NAME, its \
text is told along.

{}
"""


class Shelf:
    """What lies in a session's folder and above, in the user's own, and what is shipped.

    `home` holds the user's files for this program, `user` is their home directory, `standing`
    says what of a repository may be run.
    """

    def __init__(self, folder: str, home: str, user: str, standing: Standing) -> None:
        self.folder = folder
        self._home = home
        self._user = user
        self._standing = standing

    @cached_property
    def places(self) -> list[Place]:
        """Where things may lie, what counts least first."""
        return places.places(self.folder, self._home, self._user)

    def system(self, forced: Sequence[str] = ()) -> str:
        """The system text of a session's first epoch, with these skills told whole."""
        text = instructions.system_text(self.folder, self._home)
        papers = self.skills()
        if listed := skills.index(papers):
            text += SKILLS.format(listed)
        for name in forced:
            try:
                words = self._text(name)
                text += f"\n# The skill {name}, from {words.path}\n\n{words.text}\n"
            except ConfigError as error:
                text += f"\n# The skill {name}\n\n({error})\n"
        return text

    def skills(self) -> list[Paper]:
        """Every skill that can be named here, and those that cannot be used, with why."""
        return skills.every(self.places)

    def skill(self, name: str) -> Words | None:
        """See ports.Library."""
        paper = self._paper(name)
        try:
            return skills.text(paper, self.places) if paper else None
        except ConfigError:
            return None

    def material(self, name: str, file: str = "") -> str:
        """The text of a skill, or of a file of it. Raises ConfigError."""
        return self._text(name, file).text

    def _text(self, name: str, file: str = "") -> Words:
        paper = self._paper(name)
        if paper is None:
            names = [one.name for one in self.skills() if not one.problem]
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)[:2000]}"
            raise ConfigError(f"there is no skill {name[:80]!r}; {hint}")
        if file:
            return Words(paper.path, skills.beside(paper, file))
        return skills.text(paper, self.places)

    def _paper(self, name: str) -> Paper | None:
        return next((one for one in self.skills() if one.name == name), None)

    def entered(self, path: str) -> list[Words]:
        """See ports.Library."""
        return instructions.entered(self.folder, path)

    def commands(self) -> list[Paper]:
        """Every command that can be given here, and those that cannot, with why."""
        from tuiagent.library import commands  # noqa: PLC0415 - the first request needs none

        return commands.every(self.places)

    def command(self, name: str, arguments: str) -> "Given":
        """What is said for a command. Raises ConfigError."""
        from tuiagent.library import commands  # noqa: PLC0415

        return commands.given(self.places, name, arguments, self._standing)

    def hooks(self, event: str) -> list[Hook]:
        """See ports.Library."""
        return hooks.running(self.places, self.folder, event, self._standing)

    def remarks(self) -> list[tuple[str, str]]:
        """See ports.Library."""
        return hooks.remarks(self.places, self.folder, self._standing)
