"""Why a pod, an index or a Job does not go on: one module a place where Kubernetes says it. Pure."""
