"""What the API decides, without I/O: what a request means, what a job looks like, what is owed."""
