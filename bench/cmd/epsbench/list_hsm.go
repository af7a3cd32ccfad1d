package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/conformance/hsm"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// listFaults gives the scenarios that an HSM can be made to play.
func listFaults(*app) (any, table.Row, []table.Row) {
	scenarios := fault.List()
	var rows []table.Row
	for _, s := range scenarios {
		rows = append(rows, table.Row{s.Name, s.About, s.Source})
	}
	return scenarios, table.Row{"scenario", "what goes wrong", "where it has happened"}, rows
}

// listPersonalities gives the HSMs that the emulator can be.
func listPersonalities(*app) (any, table.Row, []table.Row) {
	all, err := personality.List()
	if err != nil {
		panic(err) // they come with the program, and a test loads them
	}
	var rows []table.Row
	for _, p := range all {
		rows = append(rows, table.Row{p.Name, len(p.Rules), p.Words})
	}
	return all, table.Row{"personality", "rules", "what it is like"}, rows
}

// listProbes gives what the rule of a personality may name as its probe.
func listProbes(*app) (any, table.Row, []table.Row) {
	probes := hsm.Probes()
	var rows []table.Row
	for _, p := range probes {
		rows = append(rows, table.Row{p.Usage, p.Does, strings.Join(p.Answers, " | ")})
	}
	return probes, table.Row{"probe", "what it does", "what it may answer"}, rows
}

// printArguments says what the words in capitals mean.
func printArguments(w io.Writer) {
	var rows []table.Row
	for _, a := range hsm.Arguments() {
		rows = append(rows, table.Row{a[0], a[1]})
	}
	fmt.Fprintln(w)
	printTable(w, table.Row{"argument", "what it is"}, rows)
	fmt.Fprintln(w, "\nIn an answer CKR_… is a return value, … anything, N a number. Where a step before what a probe is about")
	fmt.Fprintln(w, "fails, it answers with that step: \"a wrapping key: CKR_TEMPLATE_INCONSISTENT\".")
}

// fault lists the rules of one.
func (c *listCommand) fault(a *app) error {
	s, err := knownFault("--of", c.Of)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(a.out, s)
	}
	var rows []table.Row
	for _, r := range s.Rules {
		rows = append(rows, table.Row{r.Name, r.When, r.Then})
	}
	fmt.Fprintf(a.out, "%s: %s\nSeen: %s\n\n", s.Name, s.About, s.Source)
	printTable(a.out, table.Row{"rule", "which calls", "what becomes of each"}, rows)
	return nil
}

// personality lists the rules of one.
func (c *listCommand) personality(a *app) error {
	p, err := knownPersonality("--of", c.Of)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(a.out, p)
	}
	var rules, left []table.Row
	for _, r := range p.Rules {
		rules = append(rules, table.Row{r.ID, r.Text, r.Confidence, r.Source})
	}
	for _, l := range p.Left {
		left = append(left, table.Row{l.Fact, l.Why, l.Source})
	}
	fmt.Fprintf(a.out, "%s: %s\n\n", p.Name, p.Words)
	printTable(a.out, table.Row{"rule", "what the HSM does", "how sure", "source"}, rules)
	if len(left) > 0 {
		fmt.Fprintln(a.out)
		printTable(a.out, table.Row{"not reproduced", "why", "source"}, left)
	}
	return nil
}
