"""Policy: a request in, a Decision with reasons out. Absence denies."""
