"""The second floor, the only place where a store and the analysis meet."""
