"""Knowledge bases: what an organisation's agents can look up."""
