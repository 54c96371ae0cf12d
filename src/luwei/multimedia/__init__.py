"""Pictures and recordings that terminals send in 0x0801: taken from the bus, kept as files, read again."""
