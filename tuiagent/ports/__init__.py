"""The sockets of the house: one interface up (Client) and those that the engine needs below."""

from tuiagent.ports.client import ASK, KILL, Client, Loan, Owner, Proposed, Snapshot, Usual, Window
from tuiagent.ports.connector import Connector, Lender
from tuiagent.ports.provider import Provider
from tuiagent.ports.runtime import Execution, Exit, Runtime, Stat, Typed
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
)

__all__ = [
    "ASK",
    "KILL",
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
    "Head",
    "Jobs",
    "Kit",
    "Lender",
    "Loan",
    "Note",
    "OutcomeUnknown",
    "Owner",
    "Proposed",
    "Proposing",
    "Provider",
    "Runtime",
    "Snapshot",
    "Stat",
    "Store",
    "Tool",
    "Transaction",
    "Typed",
    "Usual",
    "Window",
]
