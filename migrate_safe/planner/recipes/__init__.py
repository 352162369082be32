"""One recipe per operation."""
