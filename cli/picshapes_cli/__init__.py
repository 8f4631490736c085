"""`picshapes`: everything on one machine (`up`), pictures from a prompt (`generate`), benchmarks (`bench`)."""
