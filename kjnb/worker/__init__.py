"""What travels with a run and runs in its pods: imports nothing of kjnb."""
