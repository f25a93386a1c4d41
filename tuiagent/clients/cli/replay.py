"""`replay FILE`: a session out of a bundle, line by line."""

import argparse
import asyncio
import re
import signal
import sys
import time

from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.transfer import lines_of
from tuiagent.clients.cli.voice import Voice
from tuiagent.clients.exported import masked
from tuiagent.clients.replayed import Clock, Pace, Replayed, Steps, load, stepped, timed
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import Event
from tuiagent.kernel.replay import LARGEST, PACE, Header
from tuiagent.kernel.run import Delta, ReplyReceived

SPEED = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)x?")


def run(args: argparse.Namespace) -> int:
    """Plays the bundle to its end. Raises ConfigError, Refused."""
    speed = _speed(args.speed)
    told, events = load(lines_of(args.file, LARGEST), codec())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # there is nothing here to be ended in order
    pace: Pace = Steps(_press) if args.step else Clock(speed)
    moments = stepped(events) if args.step else timed(events)
    asyncio.run(_play(Replayed(told, moments, pace), told, args.step))
    return DONE


async def _play(client: Replayed, told: Header, step: bool) -> None:
    voice = Voice()
    voice.line(f"replay: {_head(told)}")
    if step:
        voice.line("replay: Enter shows the next frame")
    try:
        await _tell(client, voice, step)
    except EOFError:
        voice.line("replay: left before its end")
        return
    except Exception as error:  # anybody may have written it: it may make no sense at all
        raise Refused(f"the rest of this bundle cannot be shown ({error!r:.200})") from error
    voice.line("replay: this is its end")


async def _tell(client: Replayed, voice: Voice, step: bool) -> None:
    """Says what happens, as it is said of a session that is attached to; or frame by frame."""
    follow, written = Follow(""), 0
    async for seen in client.watch(client.header.stream):
        if isinstance(seen, Delta):
            if not written:
                voice.speaker("assistant")
            voice.text(seen.text)
            written = seen.offset + len(seen.text)
        elif isinstance(seen, Event):
            if step:
                voice.exact(f"frame {seen.position} of {client.header.frames}: {seen.kind}")
            follow.apply(seen)
            fact = seen.fact
            if isinstance(fact, ReplyReceived):
                if fact.reply.text and not written:
                    voice.speaker("assistant")
                voice.text(fact.reply.text[written:])
            voice.end()
            voice.tell(seen, follow, client.actor)
            written = 0


def _head(told: Header) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(max(told.made, 0.0), 4e9)))
    ident = told.stream.partition("/")[2]
    left_out = f", {told.left_out} without their facts" if told.left_out else ""
    return (
        f"session {ident}, bundled {when} by tuiagent {told.version}\n"
        f"{told.frames} frames{left_out}; {masked(told.masked)}\n"
        f"{PACE}; long pauses are cut"
    )


def _press() -> None:
    """Waits for Enter. Raises EOFError when nobody can press it any more."""
    if sys.stdin is None or not sys.stdin.readline():
        raise EOFError


def _speed(text: str) -> float:
    found = SPEED.fullmatch(text)
    if not found or not float(found[1]):
        raise ConfigError(f"--speed {text}: say how many times as fast, such as 4x or 0.5x")
    return float(found[1])
