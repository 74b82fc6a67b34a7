"""The persistent state: alerts, each source's cursor, each subscriber's mark."""
