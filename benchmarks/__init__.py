"""What pixelrelay costs, measured beside others: ``scripts/bench [--quick] [name ...]``."""
