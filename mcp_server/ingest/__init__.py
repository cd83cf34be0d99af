"""The second floor, where foreign shapes become records."""
