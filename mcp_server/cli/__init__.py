"""The top floor towards people: one module for each command."""
