"""Translates checks of fields to conditions over the probe's memory, for the fields that the kernel knows."""
