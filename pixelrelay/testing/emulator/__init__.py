"""Every provider's API on loopback, with its quotas, its faults, and a meter of what it would have billed."""
