"""The worker: runs the jobs that were claimed for its pod, one at a time, and stores the pictures.

The way of a job through this package: `claims` watches the jobs given to this process, `assignment` (pure) says
which is next and which must stop, `inference` runs the engine, `finishing` encodes and stores the picture,
`terminal` makes the one write that ends the job. `lease` says beside it that the process is alive.
"""
