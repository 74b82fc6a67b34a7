"""Delivers alerts from the store to subscribers, with a thread for each, so that a slow one delays no other."""
