"""Approvals: everything that waits for a person, of every session, and the keys that answer it."""

from tuiagent.clients.tui.approvals.bar import ApprovalBar
from tuiagent.clients.tui.approvals.pane import Approvals

__all__ = ["ApprovalBar", "Approvals"]
