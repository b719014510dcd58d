"""Takes applied changes back: their net effect (:mod:`syncd.undo.net`) and its inverse (:mod:`syncd.undo.invert`)."""
