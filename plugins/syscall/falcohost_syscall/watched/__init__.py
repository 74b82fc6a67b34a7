"""Files that rules name, watched by inode, so that a hard link does not hide them."""
