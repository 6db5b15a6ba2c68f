"""What the API server refuses, field by field: one module a part of the API, each a list of FieldErrors, all PURE."""
