"""A real S3 server on loopback: versitygw, built from source once, over a folder of this machine."""
