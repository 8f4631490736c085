"""The API's side of the cluster: what it sees there, what it creates there, and the mirror back."""
