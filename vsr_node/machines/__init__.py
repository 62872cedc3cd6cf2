"""State machines that can be replicated: ``apply``, ``snapshot``, ``restore``."""
