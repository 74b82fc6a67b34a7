"""Confines each process of the agent to what its job needs: user, capabilities, system calls, files."""
