"""`picshapes up`: all of PicShapes on one machine, with a control plane of its own or an existing cluster."""
