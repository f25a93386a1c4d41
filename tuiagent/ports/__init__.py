"""The sockets of the house: one interface up (Client) and those that the engine needs below."""

from tuiagent.ports.client import (
    ASK,
    KILL,
    SEALED,
    Client,
    Loan,
    Owner,
    Proposed,
    Snapshot,
    Usual,
    Window,
)
from tuiagent.ports.connector import Connector, Lender, Waiting
from tuiagent.ports.library import Hook, Library, Offer, Paper, Words
from tuiagent.ports.provider import Provider
from tuiagent.ports.runtime import Execution, Exit, Runtime, Stat, Typed
from tuiagent.ports.searcher import Found, Searcher
from tuiagent.ports.store import Answer, Claim, Head, Store, Transaction
from tuiagent.ports.tool import (
    Again,
    Background,
    Blobs,
    Deferred,
    Jobs,
    Kit,
    Note,
    OutcomeUnknown,
    Proposing,
    Tool,
    schema,
)

__all__ = [
    "ASK",
    "KILL",
    "SEALED",
    "Again",
    "Answer",
    "Background",
    "Blobs",
    "Claim",
    "Client",
    "Connector",
    "Deferred",
    "Execution",
    "Exit",
    "Found",
    "Head",
    "Hook",
    "Jobs",
    "Kit",
    "Lender",
    "Library",
    "Loan",
    "Note",
    "Offer",
    "OutcomeUnknown",
    "Owner",
    "Paper",
    "Proposed",
    "Proposing",
    "Provider",
    "Runtime",
    "Searcher",
    "Snapshot",
    "Stat",
    "Store",
    "Tool",
    "Transaction",
    "Typed",
    "Usual",
    "Waiting",
    "Window",
    "Words",
    "schema",
]
