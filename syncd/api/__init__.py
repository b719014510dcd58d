"""What people and programs call: ``from syncd import open_binding``.

The command line, the daemon and the App's plugin are doors to it: they parse and show, and call what is here.
"""
