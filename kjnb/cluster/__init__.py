"""A cluster as the rest of kjnb sees it: requests, answers, and what happens there as facts."""
