"""Files on their way into a prompt: images and PDFs, made to fit where that is needed."""

import os
from collections.abc import Iterable

from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.kernel.media import File, shown

LARGEST = 64 << 20
"""Bytes of an image that is made smaller."""


async def images(paths: Iterable[str], folder: str) -> tuple[File, ...]:
    """The images and PDFs at these paths, as a prompt takes them. Raises ConfigError."""
    return tuple([await _image(path, folder) for path in paths])


async def _image(path: str, folder: str) -> File:
    from tuiagent import apart  # noqa: PLC0415 - only where there is an image

    place, name = os.path.join(folder, os.path.expanduser(path)), os.path.basename(path)
    try:
        if not os.path.isfile(place) or os.path.getsize(place) > LARGEST:
            raise ConfigError(f"{path}: it is not a regular file of at most {LARGEST >> 20} MiB")
        with open(place, "rb") as file:
            data = file.read(LARGEST + 1)
        found = File(name, await apart.fitting(name, data))
        shown(found)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except TuiagentError as error:
        raise ConfigError(f"{path}: {error}") from error
    return found
