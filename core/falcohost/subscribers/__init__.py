"""Brings alerts from the store to those who take them: a thread for each, so that a slow one delays no other."""
