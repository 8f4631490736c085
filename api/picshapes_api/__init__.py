"""The REST API: accounts, money and jobs over HTTP, and the mirror of job status into the database.

Layers, each importing only those above it: `core` (pure: what a request means, what a job looks like, what is
refunded), `storage` (the database, verbs over rows), `cluster` (the watch cache, creation of resources, the
mirror), `web` (Sanic), `main` (assembly).
"""
