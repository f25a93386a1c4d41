"""What the model is told before it is asked next: what hooks say, skills, and folders' wishes."""

import os
import re

from tuiagent.engine.drive import Drive
from tuiagent.engine.steps import hooks
from tuiagent.kernel.asides import TellAside
from tuiagent.kernel.event import Intent
from tuiagent.kernel.hooks import AFTER, PROMPT, START, ReportHooks
from tuiagent.kernel.run import Run

NAMED = re.compile(r"(?:^|(?<=\s))#([a-z0-9][a-z0-9_-]{0,63})(?![\w-])")
"""A skill that is named in a prompt."""
INSTRUCTIONS = "How agents are to work in a folder that calls have come to"


async def report(drive: Drive) -> None:
    """Runs the hooks of what the next attempt is to see first, and writes what they said."""
    run = drive.state.run
    if run is None or run.attempt is not None:
        return
    reports: list[ReportHooks | None] = []
    if not drive.state.epoch and _new(drive, START, "startup"):
        reports.append(await hooks.begin(drive))
    for call, observation in list(drive.finished.values()):
        if _new(drive, AFTER, call.id):
            reports.append(await hooks.after(drive, call, observation))
    drive.finished.clear()
    for prompt in list(run.unseen):
        if _new(drive, PROMPT, prompt):
            text = drive.prompt.texts[prompt]
            reports.append(await hooks.said(drive, PROMPT, prompt, prompt=text))
    for found in reports:
        if found is not None and any(not one.silent for one in found.rulings):
            await drive.write(found)


def _new(drive: Drive, event: str, about: str) -> bool:
    return f"{event} {about}" not in drive.state.hooked


def fresh(drive: Drive) -> list[Intent]:
    """The asides that are due: skills that prompts name, instructions of folders entered."""
    run = drive.state.run
    found = [*_skills(drive, run), *_instructions(drive)] if run else []
    told = drive.state.told
    return [aside for aside in found if aside.source not in told]


def _skills(drive: Drive, run: Run) -> list[TellAside]:
    texts = (drive.prompt.texts[prompt] for prompt in run.unseen)
    names = dict.fromkeys(name for text in texts for name in NAMED.findall(text))
    skills = ((name, drive.library.skill(name)) for name in names)
    return [
        TellAside(drive.stream, f"The skill {name}", words.path, words.text)
        for name, words in skills
        if words is not None
    ]


def _instructions(drive: Drive) -> list[TellAside]:
    """Each folder is looked at once, and again by whoever drives the session next."""
    found: list[TellAside] = []
    for path in sorted(drive.touched):
        if (folder := os.path.dirname(path)) not in drive.looked:
            drive.looked.add(folder)
            found += [
                TellAside(drive.stream, INSTRUCTIONS, words.path, words.text)
                for words in drive.library.entered(path)
            ]
    drive.touched.clear()
    return list({aside.source: aside for aside in found}.values())
