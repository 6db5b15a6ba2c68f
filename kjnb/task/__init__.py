"""What travels to the pods: a function or a cell by value, and what it needs."""
