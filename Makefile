# Everything starts from a bare Python 3.11 or newer; each target installs what it needs into .venv.
PYTHON ?= python3
BIN = .venv/bin/python -m
FLASK = $(BIN) flask --app wsgi
# Many tests wait for processes they started: one more at a time than there are cores.
PYTEST = $(BIN) pytest -n $(shell expr $$(nproc) + 1)
# A database of the migrations, of its own, for the length of one command.
SCRATCH = export DATABASE_URL= DATA_DIR="$$(mktemp -d)" && trap 'rm -rf "$$DATA_DIR"' EXIT && $(FLASK) db upgrade

.PHONY: run test conformance bench soak check format migration seed lock dev

run:  ## Run the product until Ctrl-C
	@exec $(PYTHON) start.py

dev:  ## Install what the targets below need
	@$(PYTHON) start.py install --dev

test: dev  ## Run the tests; ARGS="-k name" narrows them down
	@$(BIN) tests.support.programs
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m "not conformance" $(ARGS)

conformance: dev  ## Run the slow tests: clocks, kills, namespaces
	@$(BIN) tests.support.programs
	$(PYTEST) --dist worksteal -m conformance $(ARGS)

check: dev  ## Check format, lint, types, imports and that the migrations make what the models say
	$(BIN) ruff format --check .
	$(BIN) ruff check .
	$(BIN) mypy
	.venv/bin/lint-imports --no-cache
	@$(SCRATCH) && $(FLASK) db check

bench: dev  ## Measure pages, processes, starts and tasks
	$(BIN) bench

SECONDS ?= 600

soak: dev  ## Kill processes at random under load, then prove that no task was lost or doubled; SECONDS=60 is short
	$(BIN) bench.soak $(SECONDS)

format: dev  ## Put the code into shape
	$(BIN) ruff format .
	$(BIN) ruff check --fix .

NEXT = $(shell printf '%04d' $$((1$$(cat migrations/HEAD) - 9999)))

migration: dev  ## Write a migration from the models: make migration MESSAGE="add a column"
	@$(SCRATCH) && $(FLASK) db migrate --rev-id $(NEXT) --message "$(MESSAGE)"
	@if [ -e migrations/versions/$(NEXT)_*.py ]; then echo $(NEXT) > migrations/HEAD; fi

seed: dev  ## Fill the database with a demonstration organisation
	$(FLASK) seed demo

LOCK = $(BIN) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

lock: dev  ## Pin every package with its hashes
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) --no-deps requirements-assets.in --output-file requirements-assets.txt
