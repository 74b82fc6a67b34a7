"""Inputs from programs whose output is a log: runs the program, restarts it, and ends it with the agent."""

from falcohost.program.input import Program, ProgramInput

__all__ = ["Program", "ProgramInput"]
