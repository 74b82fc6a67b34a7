"""The stages from events to alerts; :mod:`falcohost.pipeline.pipeline` connects them.

The pipeline knows nothing of processes, sockets or signals, so that not only workers can run it.
"""
