"""What may be said to the commands for what agents can do here, and who made them able to."""

import argparse


def _tools() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent tools", description="What agents can do; add files with tools of your own."
    )
    parser.add_argument("what", choices=("list", "add", "remove"))
    parser.add_argument("file", nargs="?", default="", help="a Python file")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _mcp() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent mcp", description="MCP servers, which lend tools to agents."
    )
    what = "list add remove trust distrust login test".split()
    parser.add_argument("what", nargs="?", default="list", choices=what)
    parser.add_argument("name", nargs="?", default="", help="the server's; test: all without one")
    parser.add_argument("words", nargs="*", help="add: behind --, the command that runs it")
    parser.add_argument("--url", default="", help="add: its address, in place of a command")
    env = "add: for its environment; ${NAME} stands for a variable of yours"
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help=env)
    header = "add: sent with every request; ${key:NAME} stands for a kept key"
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help=header)
    folder = "the folder whose .mcp.json counts; trust: as it is now"
    parser.add_argument("--cwd", default=".", metavar="DIR", help=folder)
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _skills() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent skills", description="What is written for agents: skills and commands."
    )
    parser.add_argument("what", nargs="?", default="list", choices=("list", "show", "check"))
    parser.add_argument("name", nargs="?", default="", help="show: a skill; check: a file or all")
    parser.add_argument("--cwd", default=".", metavar="DIR", help="as seen from this folder")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


def _trust() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuiagent trust",
        description="What a folder's files would have tuiagent run: hooks, commands' shell parts "
        "and the like. Nothing of it is run before you said yes to just this content.",
    )
    parser.add_argument("what", nargs="?", default="list", choices=("list", "show", "yes", "no"))
    parser.add_argument("file", nargs="*", default=[], help="only these; all of the folder without")
    parser.add_argument("--cwd", default=".", metavar="DIR", help="which folder")
    parser.add_argument("--output", default="text", choices=("text", "json"))
    return parser


ABLE = {"tools": _tools, "mcp": _mcp, "skills": _skills, "trust": _trust}
"""Command -> its parser."""
