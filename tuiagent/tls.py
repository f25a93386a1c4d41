"""TLS, loaded when it is first needed: the command line starts without it (see __main__.SPARED)."""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def context() -> "ssl.SSLContext":
    """Trusts what the system trusts; reading that takes 20 ms. From here on asyncio has TLS."""
    import ssl  # noqa: PLC0415
    from asyncio import base_events, selector_events, sslproto  # noqa: PLC0415

    for module in (base_events, selector_events):
        module.ssl = ssl  # type: ignore[attr-defined]
    if sslproto.ssl is None:  # type: ignore[attr-defined]
        importlib.reload(sslproto)
    return ssl.create_default_context()


def failure(error: Exception) -> str:
    """Why no safe connection came about, "" for an error of another kind."""
    module = sys.modules.get("ssl")
    if module is None or not isinstance(error, module.SSLError):
        return ""
    return getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
