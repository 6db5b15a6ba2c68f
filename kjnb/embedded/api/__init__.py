"""The API server: what is asked, whether it may be, and what is answered."""
