"""The node: pods as processes of this machine, and whoever is their parent."""
