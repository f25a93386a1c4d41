"""Two engines and every accident: whatever the seed, every invariant holds.

`SEED=n` runs one seed, with its trace; `SEEDS=n` runs that many.
"""

import hashlib
import os
from typing import Any

import pytest

from tests.seeds.loop import run
from tests.seeds.machine import Shell, Write
from tests.seeds.sim import STREAM, Broken, Sim, SimJournal
from tuiagent.engine.journal import Request
from tuiagent.kernel.run import InterruptRun
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.ports import Again, Answer, Claim, Kit, Note, Transaction
from tuiagent.stores.memory import MemoryTransaction

BLOCK = 50
COUNT = int(os.environ.get("SEEDS", "2000"))
ONE = os.environ.get("SEED")
FEW = 150
"""Seeds within which each guard that is taken away must be missed."""


def lived(seed: int, kind: type[Sim] = Sim) -> Sim:
    """A whole life. Raises Broken with the end of the trace."""
    made: list[Sim] = []

    async def main() -> None:
        made.append(kind(seed))
        await made[0].live()

    try:
        run(main())
    except Exception as error:
        tail = "\n".join(made[0].trace[-40:]) if made else ""
        raise Broken(f"seed {seed}: {type(error).__name__}: {error}\n{tail}") from error
    return made[0]


def fingerprint(seed: int) -> str:
    """The hash of everything that was written, with its times."""
    records = lived(seed).store.tail("*", 0, 100_000)
    return hashlib.sha256(repr(records).encode()).hexdigest()


@pytest.mark.skipif(ONE is not None, reason="SEED asks for one seed")
@pytest.mark.parametrize("block", range(-(-COUNT // BLOCK)))
def test_whatever_happens(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        lived(seed)


@pytest.mark.skipif(ONE is None, reason="SEED=n names no seed")
def test_this_seed() -> None:
    print("\n".join(lived(int(ONE or 0)).trace))


def test_a_seed_replays_exactly() -> None:
    for seed in range(10):
        assert fingerprint(seed) == fingerprint(seed)
    assert fingerprint(1) != fingerprint(2)


# ---------------------------------------------------------------- the simulator can fail


class NoFence(SimJournal):
    """Does not look at the fence, in a world where a dead owner's process still twitches."""

    def _check_fence(self, tx: Transaction, request: Request) -> None:
        """Lets everything through."""


class Twitching(Sim):
    """Killed engines lose their lock but go on for a while."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.zombies: list[Any] = []

    def fate(self) -> None:
        """Kills only by taking the lock away."""
        index = self.random.randrange(2)
        self.store.drop(self.slots[index].name)
        self.zombies.append(self.slots[index])
        self.slots[index] = self._slot()
        self.spawn(self._adopt(self.slots[index]))


class Unfenced(Twitching):
    """Twitching, without the fence."""

    journal = NoFence


class Impatient(Sim):
    """People who queue prompts, and interrupt again when no answer comes."""

    async def person(self, number: int) -> None:
        """An interruption said twice would hit the next run."""
        for extra in range(3):
            ident = f"q{number}.{extra}"
            await self.submit(SubmitPrompt(STREAM, ident, ident), ident)
        self.interrupts += 1
        await self.submit(InterruptRun(STREAM), f"i{number}")


class Forgetful(Impatient):
    """The store forgets what was said once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)

        class Tx(MemoryTransaction):
            def recall(self, actor: str, once: str) -> Answer | None:
                return None

        self.store.transactions = Tx  # type: ignore[attr-defined]


class Grabbing(Sim):
    """Claims are given although their owner lives."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)

        class Tx(MemoryTransaction):
            def claim(self, stream: str, owner: str) -> Claim | None:
                held = self.claimed(stream)
                if held is not None and held.owner != owner:
                    self.release(stream, held.owner)
                return super().claim(stream, owner)

        self.store.transactions = Tx  # type: ignore[attr-defined]


class Repeating(Sim):
    """Tools say of every call that it never happened, and the machine lets it run again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)

        class Careless(Shell):
            async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:  # type: ignore[override]
                self.machine.started.pop(note.data["spool"], None)
                return Again()

        self.tools["shell"] = Careless
        self.tools["write"] = Write


@pytest.mark.parametrize("kind", [Unfenced, Forgetful, Grabbing, Repeating])
def test_without_this_guard_a_seed_fails(kind: type[Sim]) -> None:
    for seed in range(FEW):
        try:
            lived(seed, kind)
        except Broken:
            return
    pytest.fail(f"{FEW} seeds did not notice that the guard is gone")


def test_what_is_said_again_is_done_once() -> None:
    for seed in range(FEW):
        lived(seed, Impatient)


def test_a_twitching_engine_does_no_harm_behind_the_fence() -> None:
    for seed in range(FEW):
        lived(seed, Twitching)
