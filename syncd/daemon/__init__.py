"""The daemon: reconciles every binding again and again, is watched, and stops in order."""
