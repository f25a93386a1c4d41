"""Changes what waits to be said. What is taken back stays in the journal, so no text is lost."""

from collections.abc import Sequence

from tuiagent.clients.tui.bridge import Desk
from tuiagent.kernel.prompts import SubmitPrompt, WithdrawPrompt
from tuiagent.views.status import Queued


async def taken(desk: Desk, queued: Queued) -> bool:
    """Takes a prompt back; False when it was said meanwhile, which is shown."""
    conversation = desk.conversation
    return conversation is not None and await desk.send(
        WithdrawPrompt(conversation.stream, queued.prompt)
    )


async def moved(desk: Desk, waiting: Sequence[Queued], first: int) -> None:
    """Has two prompts that wait their turn change places: all from there on are said anew."""
    after = [queued for queued in waiting if not queued.steer][first:]
    conversation = desk.conversation
    if conversation is None or len(after) < 2:
        return
    for queued in (after[1], after[0], *after[2:]):
        if not await taken(desk, queued):
            continue  # its run has begun
        limits = desk.host.settings.limits
        place = (conversation.stream, desk.host.new_id(), queued.text)
        await desk.send(SubmitPrompt(*place, limits=limits, media=queued.media))
