"""The Temporal workflow and activities: start, stop, follow, replay, version."""
