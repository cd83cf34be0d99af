"""Claude Code: its transcripts on disk, from the oldest layout to the newest."""
