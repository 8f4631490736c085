"""The worker: runs the jobs that were claimed for its pod, one at a time, and stores the pictures.

The way of a job through this package: `watching` follows the jobs that are given to this process, `assignment`
(pure) says which is next and which must stop, `work` takes them one after another: `inference` runs the engine,
`finishing` encodes and stores the picture, `terminal` makes the one write that ends the job. `lease` says beside
it that the process is alive; `lifecycle` is how all of this begins and ends.
"""
