"""The way to PostgreSQL: connections, statements, and the server of our own."""
