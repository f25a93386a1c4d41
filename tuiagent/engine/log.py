"""The log of a process: JSON lines in a file that rotates, secrets masked, never on the screen."""

import logging
import os
import re
from collections.abc import Callable, Mapping

import msgspec

LEVELS = ("debug", "info", "warning", "error")
LARGEST, KEPT = 5 * 1024 * 1024, 3
"""Bytes of one file, and how many older ones are kept."""
SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
SHORTEST = 6
"""Characters of a value that is worth masking."""


class JsonLines(logging.Formatter):
    """One object for each record."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        named = (value for name, value in environ.items() if SECRET.search(name))
        self._secrets = sorted({v for v in named if len(v) >= SHORTEST}, key=len, reverse=True)
        self.masked: Callable[[str], str] = lambda text: text
        """Masks what is known by now, such as keys that were unlocked since."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, however many its text has."""
        row = {
            "at": record.created,
            "level": record.levelname.lower(),
            "name": record.name,
            "pid": record.process,
            "text": record.getMessage(),
        }
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        line = msgspec.json.encode(row).decode()
        for secret in self._secrets:
            line = line.replace(msgspec.json.encode(secret).decode()[1:-1], "***")
        return self.masked(line)


def quiet() -> logging.Logger:
    """Nothing reaches the screen by itself, as is usual of a library: its users add handlers."""
    logger = logging.getLogger("tuiagent")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def hide(masked: Callable[[str], str]) -> None:
    """Has the log of this process mask more than was known when it began."""
    for handler in quiet().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.masked = masked


def silence() -> None:
    """Nothing is logged, and nothing reaches the screen."""
    quiet().propagate = False


def open_log(root: str, level: str, environ: Mapping[str, str]) -> str:
    """Logs from this level on into a file below the state root; its path."""
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - only where it is asked for

    folder = os.path.join(root, "logs")
    os.makedirs(folder, 0o700, exist_ok=True)
    path = os.path.join(folder, "tuiagent.log")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    handler = RotatingFileHandler(path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8")
    handler.setFormatter(JsonLines(environ))
    for name in ("tuiagent", "asyncio"):
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.addHandler(handler)
        logger.propagate = False
    return path
