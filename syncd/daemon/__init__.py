"""The daemon: every binding reconciled again and again, watched and stopped in order."""
