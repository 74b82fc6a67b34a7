"""A program whose output is a log: what a plugin needs to have one run, kept running, and ended with the agent."""

from falcohost.program.input import Program, ProgramInput

__all__ = ["Program", "ProgramInput"]
