"""A run as data and as files: what was asked, what came of it, and how both are read back."""
