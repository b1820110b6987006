"""Approvals: ask people, count verdicts, grant once, expire."""
