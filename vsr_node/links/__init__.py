"""Ways around cut links, below the protocol: who hears whom, and the route to each process."""
