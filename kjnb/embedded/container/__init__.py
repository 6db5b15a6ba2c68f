"""What is around a container's process: image, environment, volumes, box."""
