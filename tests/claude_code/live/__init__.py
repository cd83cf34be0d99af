"""The real client, played with: it runs offline against a scripted model, and what it leaves behind is looked at."""
