# epsbench: the commands of a contributor. `make` alone lists them.
GO       ?= go
BUILD    := -trimpath -buildvcs=auto
FUZZTIME ?= 10s
TOOLS    := -modfile=tools/go.mod

.PHONY: help build lib run deps test crash speed lint fuzz demo demo-up demo-down clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

build: ## bin/epsbench and bin/eps
	$(GO) build $(BUILD) -o bin/ ./bench/cmd/epsbench ./reference/cmd/eps

lib: ## bin/libepsemu.so, the emulator for programs in any language
	$(GO) build $(BUILD) -buildmode=c-shared -o bin/libepsemu.so ./emulator/cabi
	@rm -f bin/libepsemu.h # the functions are those of PKCS#11

run: build ## judge the reference EPS on embedded parts; report in out/
	bin/epsbench run

deps: ## install what the tests need and this machine lacks (Debian, Ubuntu)
	@.ci/deps

test: deps build ## everything, on real SoftHSMv2 and real MariaDB, with the race detector; then the mutants
	GORACE="atexit_sleep_ms=20 $$GORACE" $(GO) test -race -vet=all -timeout 14m ./... # programs under the detector would end a second later each
	$(GO) test -trimpath ./vectors ./conformance/stat # those that are too long for the race detector
	bin/epsbench run --hsm softhsm --store mariadb --out out/real
	bin/epsbench selfcheck --out out/selfcheck

crash: deps build ## kill EPS and authentication server a thousand times, on SQLite and MariaDB
	bin/epsbench crash --kills 1000 --store both --out out/crash

speed: deps lib ## the emulator beside SoftHSM: ratios in one run, each with its bound (an idle machine, two minutes)
	$(GO) run $(BUILD) ./bench/cmd/speed

lint: ## gofmt, vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool $(TOOLS) staticcheck ./...

fuzz: ## each fuzz target for FUZZTIME (default 10s)
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

demo: build ## EPS, authentication server, MariaDB and two SoftHSMs in containers: up, docker/README.md's walk, down
	docker/demo.sh

demo-up: build ## the same containers, left running
	docker/demo.sh up

demo-down: ## take them away
	docker/demo.sh down

clean: ## remove what was built and written here
	rm -rf bin out
