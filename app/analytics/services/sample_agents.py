"""The sample agents."""

from dataclasses import dataclass

MARK = " (sample)"
"""What the names of agents and threads end in."""


@dataclass(frozen=True)
class SampleAgent:
    """An agent as it is published in the end; its name stands without the mark."""

    name: str
    description: str
    provider: str
    model: str
    temperature: float
    prompt: str


AGENTS = (
    SampleAgent(
        "Support triage",
        "Reads incoming tickets, sets their urgency and drafts a first answer.",
        "anthropic",
        "claude-sonnet-4-5",
        0.2,
        (
            "You answer customers of {{company}}.\n\n"
            "For each ticket:\n1. Name the product area.\n2. Set the urgency: low, normal or high, with one reason.\n"
            "3. Draft an answer of at most 120 words. Promise nothing that the knowledge base does not say.\n\n"
            "If the customer reports a loss of data, say that a person takes over and stop."
        ),
    ),
    SampleAgent(
        "Release notes",
        "Turns merged changes into notes that customers understand.",
        "openai",
        "gpt-5-mini",
        0.4,
        (
            "Write release notes for version {{version}} from the list of changes.\n\n"
            "Group them under New, Improved and Fixed. One sentence each, in the present tense, "
            "from the reader's point of view. Leave out internal refactoring."
        ),
    ),
    SampleAgent(
        "Contract review",
        "Compares a supplier's contract with our own terms and lists what differs.",
        "anthropic",
        "claude-opus-4-5",
        0.0,
        (
            "Compare the contract with our standard terms.\n\n"
            "List every clause that differs: its number, what it says, what ours says, and the risk in one sentence. "
            "Quote exactly. You give no legal advice; a lawyer decides."
        ),
    ),
    SampleAgent(
        "Meeting minutes",
        "Makes decisions and tasks out of a transcript.",
        "openai",
        "gpt-5",
        0.3,
        (
            "From the transcript write: decisions, open questions, and tasks with owner and date.\n\n"
            'Use only what was said. Where an owner or a date is missing, write "open".'
        ),
    ),
    SampleAgent(
        "Weekly figures",
        "Explains the week's sales figures to the board.",
        "mistral",
        "mistral-large-latest",
        0.2,
        (
            "Explain the figures of week {{week}} in five sentences for readers without time.\n\n"
            "Begin with what changed most. Compare with the week before and the same week last year. "
            "Name a cause only if the notes give one."
        ),
    ),
)
