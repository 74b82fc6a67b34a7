"""Inputs from programs whose output is a log: runs the program, restarts it, and ends it with the agent."""

from falcohost.program.input import Program, ProgramInput
from falcohost.program.settings import PROGRAM, PROGRAM_KEYS, read_program, shown_program

__all__ = ["PROGRAM", "PROGRAM_KEYS", "Program", "ProgramInput", "read_program", "shown_program"]
