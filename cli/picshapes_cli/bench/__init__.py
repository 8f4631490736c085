"""`picshapes bench`: figures as ratios of two things measured in one run on the same machine and control plane."""
