package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// listCommand prints what the bench knows.
type listCommand struct {
	What   string `arg:"" enum:"claims,suites,mutants,targets,faults,personalities" help:"claims, suites, mutants, targets, faults or personalities."`
	Format string `default:"table" enum:"table,json" help:"table or json (${default})."`
	Of     string `placeholder:"NAME" help:"The rules of one personality, and what it does not reproduce."`
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
		return c.personality(a)
	}
	lists := map[string]func(*app) (any, table.Row, []table.Row){
		"claims": listClaims, "suites": listSuites, "mutants": listMutants, "targets": listTargets,
		"faults": listFaults, "personalities": listPersonalities,
	}
	objects, head, rows := lists[c.What](a)
	if c.Format == "json" {
		return printJSON(a.out, objects)
	}
	printTable(a.out, head, rows)
	return nil
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

// personality lists the rules of one.
func (c *listCommand) personality(a *app) error {
	if c.What != "personalities" {
		return &run.UsageError{What: "--of is about personalities", Mend: "epsbench list personalities --of " + c.Of}
	}
	p, err := personality.Load(c.Of)
	if err != nil {
		return &run.UsageError{What: "--of: " + err.Error(), Mend: "see epsbench list personalities"}
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

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}

// printTable prints columns without borders: easy to read, cut and grep.
func printTable(w io.Writer, head table.Row, rows []table.Row) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = text.FormatDefault
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", "  "
	t.AppendHeader(head)
	t.AppendRows(rows)
	if f, is := w.(*os.File); is && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			t.SetColumnConfigs(fitted(append([]table.Row{head}, rows...), width))
		}
	}
	t.SuppressTrailingSpaces()
	t.Render()
}

// narrowest a column gets that has more to say.
const narrowest = 16

// fitted makes the widest columns wrap, until a table fits on a terminal.
func fitted(rows []table.Row, terminal int) []table.ColumnConfig {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], text.StringWidth(fmt.Sprint(cell)))
		}
	}
	for sum(widths)+2*len(widths) > terminal {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	var configs []table.ColumnConfig
	for i, w := range widths {
		configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: w, WidthMaxEnforcer: text.WrapSoft})
	}
	return configs
}

func sum(numbers []int) int {
	n := 0
	for _, m := range numbers {
		n += m
	}
	return n
}
