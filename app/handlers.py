"""Every kind of task, and what each worker looks after, with the place of its declaration; loaded on first use."""

KINDS: dict[str, str] = {
    "agent.change": "app.agents.kinds:CHANGE",
    "agent.erase": "app.agents.kinds:ERASURE",
    "agent.evaluate": "app.runtime.services.evaluations:EVALUATE",
    "agent.export": "app.agents.kinds:EXPORT",
    "agent.run": "app.runtime.services.queueing:RUN",
    "agent.run.prompt": "app.runtime.services.scheduled:PROMPT",
    "connections.discover": "app.connections.services.queueing:DISCOVER",
    "knowledge.crawl": "app.knowledge.services.queueing:CRAWL",
    "knowledge.ingest": "app.knowledge.services.queueing:INGEST",
    "knowledge.test": "app.knowledge.services.queueing:TEST",
    "thread.erase": "app.threads.kinds:ERASURE",
    "thread.export": "app.threads.kinds:EXPORT",
    "thread.export_whole": "app.threads.kinds:EXPORT_WHOLE",
    "thread.import": "app.threads.services.uploads:IMPORT",
    "tools.try": "app.tools.services.trying:TRY",
}

DUTIES: dict[str, str] = {
    "approvals": "app.runtime.services.approving:expire_due",
    "indexes": "app.threads.services.settling:settle",
}
"""What each worker does every 15 s."""
