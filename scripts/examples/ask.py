"""Asks an agent in this folder, and prints its answer as it is written: ask.py PROMPT."""

import asyncio
import sys

from tuiagent import ask, open_engine


async def main(prompt: str) -> None:
    async with open_engine() as client:
        async for words in ask(client, prompt, lambda wish: input(f"{wish.args}? ") == "y"):
            print(words, end="", flush=True)


asyncio.run(main(sys.argv[1]))
