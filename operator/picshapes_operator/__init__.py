"""The operator: watches jobs, pods and leases, decides which worker gets which job, and recovers lost ones.

kopf's handlers and a lease watch copy what they see into `ClusterState`. One loop takes a snapshot, decides with
pure functions (`schedule`, `recover`, `expire`), and carries the decisions out as fenced writes.
"""
