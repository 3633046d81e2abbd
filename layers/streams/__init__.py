"""Layers as files of any size: read from the database by COPY, a block at a time, and written in constant memory."""
