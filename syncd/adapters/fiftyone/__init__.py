"""FiftyOne, by way of its MongoDB."""
