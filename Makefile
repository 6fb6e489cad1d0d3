VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test chaos bench experiments check fmt openapi compose-check compose-test clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,embedded,postgres,dev,bench]'
	touch $@

demo: install
	$(BIN)/python -m examples.demo

test: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup

chaos: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos $(CHAOS)

bench: install
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

experiments: install
	$(BIN)/python -m benchmarks.experiments --page docs/experiments.md

check: install compose-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m service.openapi | diff openapi/openapi.json -
	$(BIN)/python -m service.openapi breaking openapi/released.json

compose-check: install
	GRADFLAT_PEPPER=x REDIS_PASSWORD=x POSTGRES_PASSWORD=x $(BIN)/docker-compose -f docker-compose.yml --profile gpu config -q
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile

compose-test: install
	tests/compose/run

fmt: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: install
	$(BIN)/python -m service.openapi > openapi/openapi.json

clean:
	rm -rf $(VENV) .demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
