"""What is made of vectors, in FiftyOne: layouts, similarity, suspect labels with their saved view, clusters."""
