"""How each runtime is asked: over its socket, or by the files that it keeps."""
