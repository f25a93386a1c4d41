"""News of a folder, from the file system."""

import asyncio
from collections.abc import AsyncIterator


async def changes(folder: str) -> AsyncIterator[object]:
    """Yields once when the folder is watched, and then whenever something in it has changed."""
    import watchfiles  # noqa: PLC0415 - few ever follow another process

    news = watchfiles.awatch(  # pyright: ignore[reportUnknownMemberType]
        folder, debounce=60, step=60, recursive=False, rust_timeout=60_000
    )
    first = asyncio.ensure_future(anext(news))
    try:
        await asyncio.sleep(0)  # with its first step the watch stands
        yield None  # what came before it did is looked for now
        yield await first
        async for change in news:
            yield change
    finally:
        first.cancel()
