"""Questions to the tables around tasks, mail and workers."""
