"""The rule engine: typed conditions in, a matcher and alerts out."""
