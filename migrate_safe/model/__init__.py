"""The hall: values that all rooms share. Standard library only."""
