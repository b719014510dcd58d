"""FiftyOne's own App with syncd in it: who asks, what they may do, and syncd's plugin."""
