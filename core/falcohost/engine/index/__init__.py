"""The index: finds the rules that may match an event, by a check that must be true for each rule to match."""
