"""Members of a group: replicas with their storage, and what drives them."""
