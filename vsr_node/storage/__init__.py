"""Where a replica's records are made durable."""
