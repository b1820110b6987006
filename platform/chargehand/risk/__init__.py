"""Detectors over the action log, alerts, freeze and kill."""
