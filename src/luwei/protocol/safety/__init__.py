"""Active safety 主动安全: the extensions T/JSATL 12 (苏标) and T/GDRTA 002 (粤标) to JT/T 808."""
