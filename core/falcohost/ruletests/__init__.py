"""Rule tests: events in YAML files, the rules that have to fire on them, and how well they cover the conditions.

:mod:`falcohost.cli.rules_test` is the command, ``docs/rule-tests.md`` the format. Only its ``commands`` start anything.
"""
