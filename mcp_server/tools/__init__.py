"""The top floor towards models: tools, resources and prompts."""
