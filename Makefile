# Everything a person types. `make` alone shows the list.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN_STAMP := $(VENV)/.can-run
LOAD_VENV := .venv-load
LOAD_STAMP := $(LOAD_VENV)/.installed
FAULTS := tests/e2e/faults tests/e2e/history tests/model $(addprefix tests/e2e/test_,memory_loss.py half_way.py sentinel.py cluster.py redis_connections.py replaced_primaries.py pgbouncer.py postgres_hosts.py)

# Extras stay in the names: an older pip takes `coverage[toml]` for unpinned where the lock says `coverage` alone.
COMPILE := $(BIN)/uv pip compile -q --universal --no-strip-extras --generate-hashes --no-header --no-annotate --python-version 3.11
LOCK := $(COMPILE) pyproject.toml

# One line a package while pip works; its complaints come as they are. A pipe ends with the status of its last command, so
# the first one says when it failed. The shell reads line by line, which not every awk does.
PIP_INSTALL = { $(BIN)/python -m pip install --disable-pip-version-check --require-hashes $(1) || echo FAILED; } | { \
	while read -r word package rest; do case "$$word" in \
		Collecting) echo "  $$package" ;; \
		Installing) echo "  unpacking all of them" ;; \
		FAILED) exit 1 ;; \
	esac; done; }

.DEFAULT_GOAL := help
.PHONY: help install run test test-faults test-histories coverage lint types imports fmt check schema rules pages lock pin load bench bench-peers capacity release up down clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Install everything into .venv, from the lock files

# What needs a compiler is installed again when one has come to a machine that had none.
ENGINE := service/native/_lanes.abi3.so
COMPILER := $(shell command -v $(CC) 2>/dev/null)
NO_COMPILER := $(VENV)/.installed-without-compiler
.PHONY: again

# What running needs. `make run` stops here.
$(RUN_STAMP): deploy/dev.lock deploy/build.lock pyproject.toml $(wildcard service/native/*.[ch] service/native/build.py) $(if $(COMPILER),$(if $(wildcard $(NO_COMPILER)),again))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tokenhouse needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || echo "Making $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing what running needs into $(VENV)"
	@$(call PIP_INSTALL,-r deploy/dev.lock -r deploy/build.lock)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(if $(COMPILER),rm -f,touch) $(NO_COMPILER)
	@test -e $(ENGINE) || { echo "The compiled password engine was not built, so a core checks about a third of the logins:"; \
		{ $(BIN)/python -m pip install -v --disable-pip-version-check --no-deps --no-build-isolation --editable .; } 2>&1 | grep -A4 'built without' || true; }
	@$(BIN)/python -m compileall -q service  # the first start is as quick as the next, also where Python may write none of it
	@touch $@

$(STAMP): $(RUN_STAMP) tests/requirements.lock service/client/pyproject.toml
	@echo "Installing what tests and checks need besides"
	@$(call PIP_INSTALL,-r tests/requirements.lock)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ./service/client
	@touch $@

run: $(RUN_STAMP) ## Serve on an embedded Postgres and Redis, at 127.0.0.1:8080
	@$(BIN)/tokenhouse dev

test: $(STAMP) ## Run the tests, or those in TESTS; they start what they need
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(TESTS)

test-faults: $(STAMP) ## Run the whole fault suite (docs/faults.md); `make test` runs the quicker part of it
	$(BIN)/python -m pytest -m "" --numprocesses 2 --dist loadfile $(FAULTS)

test-histories: $(STAMP) ## Break the stores under people's hands and judge what they were told: MINUTES or ROUNDS, SEED, GROUND, NEMESIS
	$(BIN)/python -m tests.e2e.history --minutes $(or $(MINUTES),10) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(GROUND),--ground "$(GROUND)") $(if $(NEMESIS),--nemesis $(NEMESIS))

fuzz: $(STAMP) ## Look for faults in the C of service/native with sanitizers and against the bcrypt package: MINUTES
	$(BIN)/python -m tests.native.fuzz --minutes $(or $(MINUTES),60)

coverage: $(STAMP) ## Which lines and branches the quick tests run
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report term-missing:skip-covered tests/api tests/domain tests/contract

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## Import contracts between packages
	$(BIN)/lint-imports

fmt: $(STAMP) ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint types imports ## Everything that needs no running code

schema: $(STAMP) ## Write sql/schema.sql from the migrations
	$(BIN)/python -m tests.generate.schema

rules: $(STAMP) ## Write the alert rules for the Prometheus operator
	$(BIN)/python -m tests.generate.rules

pages: $(STAMP) ## Write the pages of docs/ that are made from the code: api, cli, configuration, errors, the rooms
	$(BIN)/python -m tests.generate

lock: $(STAMP) ## Choose the newest versions again
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra import --extra otel --extra passkeys --extra srp --upgrade -o requirements.lock
	$(LOCK) --extra dev --extra docs --extra import --extra otel --extra passkeys --extra srp --extra test --extra lint -c requirements.lock -o tests/requirements.lock
	$(LOCK) --extra dev --extra docs --extra import --extra passkeys -c tests/requirements.lock -o deploy/dev.lock
	$(COMPILE) --group build -c tests/requirements.lock -o deploy/build.lock
	$(LOCK) --extra load -c tests/requirements.lock -o tests/load/requirements.lock

pin: ## Pin every base image by the digest that its tag has now; needs docker with buildx
	@$(PYTHON) deploy/pin.py

$(LOAD_STAMP): tests/load/requirements.lock
	@test -x $(LOAD_VENV)/bin/python || $(PYTHON) -m venv $(LOAD_VENV)
	@echo "Installing what load tests need into $(LOAD_VENV)"
	@$(subst $(BIN),$(LOAD_VENV)/bin,$(call PIP_INSTALL,-r tests/load/requirements.lock))
	@touch $@

load: $(LOAD_STAMP) ## Put load on a running service: HOST, SCENARIO, CLIENTS, DURATION; writes load-report.html
	$(LOAD_VENV)/bin/python -m locust -f tests/load/locustfile.py --headless --only-summary --html load-report.html $(if $(HOST),--host $(HOST))

bench: $(STAMP) ## Measure the service against this machine's limits; rewrites docs/performance.md
	$(BIN)/python -m tests.load.bench $(if $(QUICK),--quick)

bench-peers: $(STAMP) ## Measure it beside fastapi-users, Django and better-auth, which it installs apart; rewrites docs/peers.md
	$(BIN)/python -m tests.load.bench_peers $(if $(QUICK),--quick)

capacity: $(STAMP) ## Measure what a session, a login and a user cost; rewrites docs/capacity.md
	$(BIN)/python -m tests.load.capacity

release: $(STAMP) ## Check that this checkout can be released, build both distributions, name the tag
	$(BIN)/python deploy/release.py

up: ## Build and start the containers
	docker compose up --build --detach --wait

down: ## Stop the containers, keep their data
	docker compose down

clean: ## Remove what was installed and built; data in .tokenhouse/ stays
	rm -rf $(VENV) $(LOAD_VENV) .venv-runtime dist .mypy_cache .ruff_cache .pytest_cache
