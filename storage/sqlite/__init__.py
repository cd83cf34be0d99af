"""SQLite, the default engine: one file, one writer at a time, any number of processes."""
