"""Rules files: reader, collector and compiler, one job each; YAML in, Ruleset out."""
