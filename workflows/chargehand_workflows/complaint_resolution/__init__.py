"""The reference agent: a customer complains, and the complaint is resolved in the real systems."""

from chargehand_workflows.complaint_resolution.graph import complaint_resolution

__all__ = ["complaint_resolution"]
