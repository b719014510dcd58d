"""One run of one binding: what is read, what is decided, what is written, what is reported."""
