"""The way from events to alerts, stage by stage; :mod:`falcohost.pipeline.pipeline` puts the stages together.

It knows nothing of processes, sockets or signals: a worker runs it, and so does anything that reads events in a process
of its own.
"""
