"""The tasks of the supervisor, one object each; :mod:`falcohost.host.supervisor` runs them.

All of them run in one loop, in one thread, and read the time from the loop's clock.
"""
