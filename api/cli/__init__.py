"""The command `horad`, a file a group of commands."""
