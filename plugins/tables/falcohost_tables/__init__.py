"""falcohost's plugin for lookup tables: fields from the user's own CSV and JSON files, lists and GeoIP databases."""
