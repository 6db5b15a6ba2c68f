"""What Kubernetes' own end-to-end tests of Jobs look for, asked in our words; `LIVES` has them all by name."""
