"""Asks an agent of the server that runs already (`tuiagent serve`): connect.py PROMPT."""

import asyncio
import sys

from tuiagent import ask, connect


async def main(prompt: str) -> None:
    async with connect() as client:  # of another machine: connect("http://HOST:PORT", KEY)
        async for words in ask(client, prompt, lambda wish: input(f"{wish.args}? ") == "y"):
            print(words, end="", flush=True)


asyncio.run(main(sys.argv[1]))
