"""The inbox: a folder for manifests with their images, each checked as a whole, written to the table and ingested."""
