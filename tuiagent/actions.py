"""The actions of the screens that `[tui.keys]` gives other keys, by the names that help shows."""

from collections.abc import Iterable

ACTIONS = frozenset(
    """
    approvals.1 approvals.2 approvals.3 approvals.4 approvals.5 approvals.6 approvals.7
    approvals.8 approvals.9 approvals.a approvals.all approvals.b approvals.d approvals.e
    approvals.grants approvals.n approvals.o approvals.r approvals.s approvals.t approvals.v
    approvals.y approve back changes changes.look changes.undo choose.down choose.leave
    choose.pagedown choose.pageup choose.up context context.leave diff.bottom diff.compare
    diff.copy diff.down diff.next diff.page diff.previous diff.sides diff.top diff.undo
    diff.undo_file diff.up digest digest.take edit.copy edit.cursor_down.select edit.cursor_left
    edit.cursor_left.select edit.cursor_line_end edit.cursor_line_end.select
    edit.cursor_line_start edit.cursor_line_start.select edit.cursor_page_down
    edit.cursor_page_up edit.cursor_right edit.cursor_right.select edit.cursor_up.select
    edit.cursor_word_left edit.cursor_word_left.select edit.cursor_word_right
    edit.cursor_word_right.select edit.cut edit.delete_left edit.delete_line edit.delete_right
    edit.delete_to_end_of_line_or_delete_line edit.delete_to_start_of_line edit.delete_word_left
    edit.delete_word_right edit.outside edit.paste edit.redo edit.select_all edit.undo
    edit.unfold files.changes files.collapse files.copy files.differ files.edit files.expand
    files.find files.ignored files.look files.mention files.reread folded.back folded.unfold
    form.down form.leave form.send form.up going.show grants grants.leave grants.revoke
    grants.unfold help help.open interrupt jobs.kill key.leave keys.ask keys.delete keys.test
    keys.unlock list.down list.first list.last list.page_down list.page_up list.up models.down
    models.keep models.pagedown models.pageup models.test models.up narrower palette
    pane.approvals pane.conversation pane.files pane.trace prompt.accept prompt.down
    prompt.escape prompt.newline prompt.queue prompt.queued prompt.search prompt.send prompt.up
    queue.down queue.earlier queue.edit queue.later queue.leave queue.remove queue.up quit
    refuse runs.cancel scrub scrub.approval_left scrub.approval_right scrub.big_left
    scrub.big_right scrub.failure_left scrub.failure_right scrub.first scrub.fork scrub.jump
    scrub.last scrub.left scrub.prompt_left scrub.prompt_right scrub.right servers.accept
    servers.login servers.renew servers.switch servers.test servers.trust sessions
    sessions.archive sessions.away sessions.contents sessions.delete sessions.export
    sessions.folders sessions.fork sessions.mark sessions.rename sessions.restore sessions.time
    settings.change sheet.down sheet.first sheet.last sheet.page_down sheet.page_up sheet.up
    suspend take trace.filter trace.jump trace.unfold transcript.back transcript.copy
    transcript.down transcript.end transcript.fold transcript.fold_all transcript.next
    transcript.page_down transcript.page_up transcript.prompt_down transcript.prompt_up
    transcript.retry transcript.search transcript.start transcript.trace transcript.up
    trust.leave trust.no trust.yes usage usage.days usage.group usage.months usage.tokens
    usage.weeks welcome.take wider zoom
    """.split()
)


def misspelt(names: Iterable[str]) -> tuple[str, ...]:
    """What is wrong with each of these names that no action has, and which was probably meant."""
    unknown = [name for name in names if name not in ACTIONS]
    if not unknown:
        return ()
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    found: list[str] = []
    for name in unknown:
        near = get_close_matches(name, ACTIONS, 1)
        meant = f"did you mean {near[0]!r}?" if near else "help (F1) names them"
        found.append(f"[tui.keys] names {name!r}, and there is no such action; {meant}")
    return tuple(found)
