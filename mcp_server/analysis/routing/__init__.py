"""Which arm for a task: forecasts from history, a ranking, and a decision. Values in, values out."""
