"""syncd in FiftyOne's App."""
