"""What styles are made of: layers, colours, pictures, results."""
