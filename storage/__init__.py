"""The ground floor: what a span is, and where spans are kept."""
