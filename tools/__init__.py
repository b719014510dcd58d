"""What `make` runs to set up a checkout: standard library only, no part of the package."""
