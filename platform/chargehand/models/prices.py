"""What a call costs, where its price is known. A model without a price has no cost, which is not the same as free."""

from __future__ import annotations

from decimal import Decimal

# US dollars for a million tokens, in and out. Prices change: an unlisted model is unknown rather than guessed.
PRICES: dict[str, tuple[Decimal, Decimal]] = {}


def cost(model: str, tokens_in: int, tokens_out: int) -> Decimal | None:
    """US dollars, exact; None where the price is not known."""
    price = PRICES.get(model)
    if price is None:
        return None
    return (price[0] * tokens_in + price[1] * tokens_out) / Decimal(1_000_000)
