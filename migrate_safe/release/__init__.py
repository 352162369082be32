"""Which app versions live when."""
