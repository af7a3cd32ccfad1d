package main

import (
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// registry is what this program can judge, and by what. To add a family, a target
// or a mutant is to add a row here.
func registry() run.Registry {
	return run.Registry{
		Claims: catalogue.All(),
	}
}
