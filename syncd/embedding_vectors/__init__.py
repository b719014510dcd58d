"""Which images of a binding get vectors, and by which model: from the configuration and FiftyOne to the store."""
