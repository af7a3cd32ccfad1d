package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// listCommand prints what the bench knows.
type listCommand struct {
	What   string `arg:"" enum:"claims,suites,mutants,targets,faults,personalities,probes" help:"claims, suites, mutants, targets, faults, personalities or probes."`
	Format string `default:"table" enum:"table,json" help:"table or json (${default})."`
	Of     string `placeholder:"NAME" help:"The rules of one personality, and what it does not reproduce; or those of one fault. A name, or a file."`
	Schema bool   `help:"The JSON Schema of the file that one's own is written in: of faults or personalities."`
}

// schemas are of the files that a user may write.
var schemas = map[string]func() []byte{"faults": fault.Schema, "personalities": personality.Schema}

// Run is called by kong.
func (c *listCommand) Run(a *app) error {
	if c.Schema {
		return c.schema(a)
	}
	if c.Of != "" {
		return c.one(a)
	}
	lists := map[string]func(*app) (any, table.Row, []table.Row){
		"claims": listClaims, "suites": listSuites, "mutants": listMutants, "targets": listTargets,
		"faults": listFaults, "personalities": listPersonalities, "probes": listProbes,
	}
	objects, head, rows := lists[c.What](a)
	if c.Format == "json" {
		return printJSON(a.out, objects)
	}
	printTable(a.out, head, rows)
	if legend := legends[c.What]; legend != nil {
		legend(a.out)
	}
	return nil
}

// legends stand below a table.
var legends = map[string]func(io.Writer){
	"probes":        printArguments,
	"faults":        func(w io.Writer) { fmt.Fprintln(w, "\nWhich calls, and how often: epsbench list faults --of NAME") },
	"personalities": func(w io.Writer) { fmt.Fprintln(w, "\nWhat each does: epsbench list personalities --of NAME") },
}

// one lists the rules of what --of names.
func (c *listCommand) one(a *app) error {
	show := map[string]func(*listCommand, *app) error{"faults": (*listCommand).fault, "personalities": (*listCommand).personality}[c.What]
	if show == nil {
		return &run.UsageError{What: "--of is about faults and personalities", Mend: "see: epsbench list --help"}
	}
	return show(c, a)
}

func (c *listCommand) schema(a *app) error {
	schema := schemas[c.What]
	if schema == nil {
		return &run.UsageError{What: fmt.Sprintf("there is no schema of %s", c.What), Mend: "there is one of " + strings.Join(slices.Sorted(maps.Keys(schemas)), " and ")}
	}
	_, err := a.out.Write(schema())
	return err
}

// listedClaim is a claim of report.json without its cases.
type listedClaim struct {
	report.Claim
	Cases *struct{} `json:"cases,omitempty"` // hides those of report.Claim
}

func listClaims(a *app) (any, table.Row, []table.Row) {
	objects := []listedClaim{}
	var rows []table.Row
	mutants := a.MutantsByClaim()
	for _, row := range a.Claims {
		c := report.FromRow(row)
		c.Mutants = mutants[row.ID]
		objects = append(objects, listedClaim{Claim: c})
		rows = append(rows, table.Row{c.ID, c.Level, c.Family, c.Status, c.Title, c.Source})
	}
	return objects, table.Row{"id", "level", "family", "status", "what it asks", "source"}, rows
}

// listedSuite is a suite as `list suites --format json` shows it.
type listedSuite struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	Claims int    `json:"claims"`
}

func listSuites(a *app) (any, table.Row, []table.Row) {
	objects := []listedSuite{}
	var rows []table.Row
	for _, s := range a.Suites {
		n := a.Automated(s.Name)
		objects = append(objects, listedSuite{s.Name, s.About, n})
		rows = append(rows, table.Row{s.Name, n, s.About})
	}
	return objects, table.Row{"suite", "claims", "about"}, rows
}

// listedMutant is a mutant as `list mutants --format json` shows it.
type listedMutant struct {
	Name   string   `json:"name"`
	About  string   `json:"about"`
	Claims []string `json:"claims"`
	Reason string   `json:"reason"`
}

func listMutants(a *app) (any, table.Row, []table.Row) {
	objects := []listedMutant{}
	var rows []table.Row
	for _, m := range a.Mutants {
		objects = append(objects, listedMutant{m.Name, m.About, m.Claims, m.Reason})
		rows = append(rows, table.Row{m.Name, strings.Join(m.Claims, " "), m.About})
	}
	return objects, table.Row{"mutant", "must be caught by", "what is broken"}, rows
}

// listedTarget is a target as `list targets --format json` shows it.
type listedTarget struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

func listTargets(a *app) (any, table.Row, []table.Row) {
	objects := []listedTarget{}
	var rows []table.Row
	for _, t := range a.Targets {
		objects = append(objects, listedTarget{t.Name, t.About})
		rows = append(rows, table.Row{t.Name, t.About})
	}
	return objects, table.Row{"target", "about"}, rows
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}
