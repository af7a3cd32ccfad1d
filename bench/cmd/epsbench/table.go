package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

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
