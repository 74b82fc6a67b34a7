"""The processes, users and containers that events refer to."""
