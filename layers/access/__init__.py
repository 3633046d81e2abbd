"""Who may do what: roles, users, keys, and the record of it."""
