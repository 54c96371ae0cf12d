"""Evidence 证据: files that terminals send of an alarm, kept whole and unchanged, and the server that takes them."""
