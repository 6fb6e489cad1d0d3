"""The HTTP front end: records jobs, stores files, hands out reports."""
