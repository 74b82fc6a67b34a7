"""System calls as JSON: what an event showed to fields, so that rules can be tested on it (docs/rule-tests.md)."""
