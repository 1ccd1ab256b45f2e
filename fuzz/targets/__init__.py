"""The targets, one module for each reader; registry.py lists them.

Each grows its material from choices and states what must hold for it.
"""
