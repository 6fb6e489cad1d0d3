"""Objectives, matrices and problems with known answers."""
