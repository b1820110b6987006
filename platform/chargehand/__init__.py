"""Chargehand: digital employees that a company can trust with its real systems."""
