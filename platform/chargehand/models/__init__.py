"""The model matrix: tiers, routing, prices, budgets."""
