"""What a call costs, where its price is known. A model without a price has an unknown cost, which is not free."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, asked and answered, as the company pays them."""

    asked: Decimal
    answered: Decimal

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """US dollars, exact."""
        return (self.asked * tokens_in + self.answered * tokens_out) / MILLION
