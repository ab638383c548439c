# Two commands do everything from a bare clone: `make demo` and `make test`.
.PHONY: demo test bench lock clean

bin := .venv/bin

demo: .venv/run
	@$(bin)/pestle run --env lab --nodes 3 --topology leader-follower --workload register,set,leader_follower \
	  --nemesis kill,pause,partition --time-limit 40 --rate 120 --name demo-leader-follower
	@$(bin)/pestle run --env lab --nodes 3 --topology active-failover --workload failover_loss,redirects,leadership \
	  --nemesis kill,isolation --time-limit 30 --rate 90 --name demo-active-failover

test: .venv/test
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/lint-imports
	$(bin)/mypy
	$(bin)/pytest

bench: .venv/run
	$(bin)/pestle bench server

# The stamps are renewed when a lock file, the project's metadata or what is compiled change.
installed := pyproject.toml hatch_build.py harness/bootstrap.sh $(wildcard checkers/native/*.cpp checkers/native/*.hpp)

.venv/run: requirements.lock $(installed)
	@sh harness/bootstrap.sh requirements.lock
	@touch $@

.venv/test: requirements-test.lock $(installed)
	@sh harness/bootstrap.sh requirements-test.lock
	@touch .venv/run $@

# Resolve the dependencies anew, with hashes and without the address of any index.
lock:
	uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
	  --extra build pyproject.toml -o requirements.lock
	uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
	  --extra build --extra test -c requirements.lock pyproject.toml -o requirements-test.lock

clean:
	rm -rf .venv checkers/native/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
