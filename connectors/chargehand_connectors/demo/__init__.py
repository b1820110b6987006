"""Demo systems that `chargehand dev` starts beside the platform, one folder each. None of them is for production."""
