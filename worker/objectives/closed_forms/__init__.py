"""Objectives whose derivatives or critical points are known in closed form."""
