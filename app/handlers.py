"""Every kind of task with the place of its declaration, one line each; loaded on first use."""

KINDS: dict[str, str] = {
    "thread.import": "app.threads.services.uploads:IMPORT",
}
