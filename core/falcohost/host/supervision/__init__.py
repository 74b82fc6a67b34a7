"""The tasks of the supervisor, each an object that is given what it needs; :mod:`falcohost.host.supervisor` runs them.

Every one of them lives in one loop, in one thread, and takes its time from the loop's clock.
"""
