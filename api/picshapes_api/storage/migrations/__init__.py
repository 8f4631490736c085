"""Migrations, in order; each only adds (`tortoise makemigrations` writes their first form)."""
