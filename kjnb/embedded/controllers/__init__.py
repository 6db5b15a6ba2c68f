"""What moves Jobs: the Job controller, the scheduler and the garbage collector, pure, and the loops that drive them."""
