"""Falco's events, as captures and its kernel module have them, and the tables of threads and descriptors.

It serves only drivers that have nothing else to go by.
"""
