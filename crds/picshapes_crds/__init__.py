"""The contract between the API, the operator and the worker: the only thing the three parts share.

Types of the `GenerationJob` resource, its phases and reasons, labels, the catalogue of models and tiers,
the custom resource definition generated from them, and an asynchronous client of the API server.
"""
