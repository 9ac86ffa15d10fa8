"""What is done to tasks and schedules, and the steps of the worker beside them."""
