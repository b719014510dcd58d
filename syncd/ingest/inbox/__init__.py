"""A folder into which people drop manifests with their images: checked whole, written to the table, ingested."""
