"""The condition language: text in, tree out."""
