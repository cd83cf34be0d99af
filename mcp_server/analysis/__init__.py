"""The first floor: values in, values out. No clock, no randomness of its own, no files, no logging."""
