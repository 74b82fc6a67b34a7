"""Runs falcohost: configuration, plugins, the supervisor and its workers. Knows no source and no rule by name."""
