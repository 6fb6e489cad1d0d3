"""Objectives: functions of many parameter vectors at once, with Hessian products."""
