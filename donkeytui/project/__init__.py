"""A DonkeyLabs project on disk: what it looks like now, and text edits to its files."""
