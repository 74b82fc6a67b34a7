"""System calls and other event types: one row each, with their numbers, parameters and flags."""
