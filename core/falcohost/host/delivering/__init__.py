"""Delivering alerts: the outputs process, which runs outputs and subscribers and asks the store for alerts."""
