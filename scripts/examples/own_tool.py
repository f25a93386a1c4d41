"""Gives an agent a tool that is a function of this program: own_tool.py PROMPT."""

import asyncio
import sys

import tuiagent

STOCK = {"apple": 3, "pear": 0}


@tuiagent.tool(effect="read")
def stock(fruit: str) -> str:
    """How many pieces of a fruit there are."""
    return f"{STOCK.get(fruit, 0)} of {fruit}"


async def main(prompt: str) -> None:
    async with tuiagent.open_engine(tools=[stock]) as client:
        async for words in tuiagent.ask(client, prompt, mode="locked"):
            print(words, end="", flush=True)


asyncio.run(main(sys.argv[1]))
