"""The index: each rule is filed under what must hold for it to match, so that an event meets no others."""
