"""Files that are there whole or not at all."""

import contextlib
import os

from tuiagent.kernel.errors import ConfigError


def write(path: str, body: bytes, force: bool) -> None:
    """Writes a private file; one that is there stays unless forced. Raises ConfigError."""
    scratch = f"{path}.{os.getpid()}.part"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(scratch, flags, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if not force:
            os.close(os.open(path, flags, 0o600))  # nobody else has this name from here on
        os.replace(scratch, path)
    except FileExistsError as error:
        raise ConfigError(f"{error.filename} is there already; --force replaces it") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(scratch)  # only where it did not get its name
