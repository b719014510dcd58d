"""Where a binding's media are, and how they get where FiftyOne can read them."""
