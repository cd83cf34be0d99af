"""What the course of a session says about how well its delegations did. Values in, values out."""
