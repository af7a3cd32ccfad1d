package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/reporters"
	"golang.org/x/net/html"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

func TestJSONIsValidAndComesBack(t *testing.T) {
	r := sample()
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := report.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("a report read and written is another (%v)", err)
	}
	for _, v := range conformance.Verdicts() {
		if r.Summary.Verdicts[v] == 0 && v != conformance.NotImplemented && v != conformance.NotApplicable {
			t.Errorf("the sample has no %s", v)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	good, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another schema":       {`"epsbench.report/1"`, `"epsbench.report/2"`},
		"an unknown verdict":   {`"verdict": "FAIL"`, `"verdict": "MAYBE"`},
		"an unknown field":     {`"complete":`, `"finished": true, "complete":`},
		"a missing field":      {`"seed":`, `"seeds":`},
		"a negative duration":  {`"seconds": 18.2`, `"seconds": -1`},
		"local time":           {`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05+01:00"`},
		"an unknown exit code": {`"exit": 5`, `"exit": 2`},
	} {
		bad := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: the sample has no %s", name, change[0])
		}
		if _, err := report.Decode(bad); !errors.Is(err, report.ErrNotReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schema":"epsbench.report/1","run":{},"summary":{},"claims":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.Decode(data)
		if err != nil {
			return
		}
		if err := r.HTML(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
		if err := r.JUnit(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
	})
}

func page(t *testing.T, r report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page is one file: every claim is in it by id and title, nothing is fetched,
// and what a target said is text. Run with -artifacts to look at it.
func TestPageIsWholeAndSelfContained(t *testing.T) {
	r := sample()
	text := page(t, r)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "report.html"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	seen := selfContained(t, root, text)
	scripts := 0
	for n := range root.Descendants() {
		if n.Data == "script" && n.Type == html.ElementNode {
			scripts++
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts: text of a target became markup", scripts)
	}
	for _, c := range r.Claims {
		n := seen[c.ID]
		if n == nil {
			t.Errorf("claim %s is not on the page", c.ID)
			continue
		}
		words := allText(n)
		for _, want := range []string{c.Title, c.Source, string(c.Verdict)} {
			if !strings.Contains(words, want) {
				t.Errorf("claim %s lacks %q", c.ID, want)
			}
		}
	}
}

// selfContained finds what a page would fetch, and gives its elements by id.
func selfContained(t *testing.T, root *html.Node, text string) map[string]*html.Node {
	t.Helper()
	seen := map[string]*html.Node{}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				if seen[a.Val] != nil {
					t.Errorf("id %q occurs twice", a.Val)
				}
				seen[a.Val] = n
			case (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:,":
				t.Errorf("<%s %s=%q> leaves the page", n.Data, a.Key, a.Val)
			}
		}
	}
	if external := regexp.MustCompile(`(?i)https?:|url\(|@import|ZgotmplZ`).FindString(text); external != "" {
		t.Errorf("the page holds %q", external)
	}
	return seen
}

// Few values of a curve stand alone, bounds are lines, and a name has one key.
func TestCurvesAreDrawn(t *testing.T) {
	r := sample()
	text := page(t, r)
	figure := text[strings.Index(text, "<b>Digits</b>"):]
	figure = figure[:strings.Index(figure, "</figure>")]
	for class, want := range map[string]int{`circle class="seen"`: 3 + 1, `circle class="theory"`: 3 + 1, `polyline class="bounds"`: 2 + 1} {
		if n := strings.Count(figure, class); n != want {
			t.Errorf("%d times %s, want %d, its key with it", n, class, want)
		}
	}
	if n := strings.Count(figure, "chance</span>"); n != 1 {
		t.Errorf("%d keys of one name", n)
	}
	same := []float64{1e17, 1e17 + 16}
	r.Claims[0].Cases = append(r.Claims[0].Cases, report.Case{Series: &report.Plot{
		Curves: []conformance.Curve{{Name: "a point", X: same, Y: same}, {Name: "nothing"}},
	}})
	page(t, r) // comes to an end
}

// An axis ends at a round number where one is near: shares up to 99 % end at 100.
func TestAxisEndsAtARoundNumber(t *testing.T) {
	r := report.Report{Claims: []report.Claim{{Verdict: conformance.Pass, Cases: []report.Case{{Series: &report.Plot{
		Name: "Shares", Curves: []conformance.Curve{{Name: "all", X: []float64{1, 2}, Y: []float64{1, 99}}}}}}}}}
	if text := page(t, r); !strings.Contains(text, ">100</text>") {
		t.Error("the axis of shares has no 100")
	}
}

// A family says what it is about, and its claims can be asked for; flaws of other
// servers stand together.
func TestPageTellsFamiliesAndFlaws(t *testing.T) {
	text := page(t, sample())
	for _, want := range []string{`<p class="about">published vectors</p>`, `<option>crash</option>`, `id="ST-2.2.1-a" data-verdict="PASS" data-family="crash"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(text, ">Published flaws</th>"); n != 1 {
		t.Errorf("%d headings for published flaws", n)
	}
	if !strings.Contains(text, `<th scope="row">CVE-2015-5464</th>`) {
		t.Error("a flaw has no row of its own")
	}
}

func allText(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// A page of a run in which little happened still has its parts.
func TestEmptyPage(t *testing.T) {
	r := report.Assemble(report.Input{Run: report.Run{Profile: "quick"}})
	text := page(t, r)
	if !strings.Contains(text, "INCOMPLETE") || strings.Contains(text, `id="figures"`) {
		t.Error("a run without claims is INCOMPLETE and has no figures")
	}
	partial := report.Assemble(report.Input{Run: report.Run{Focus: "ST-1 <&>"}})
	if !strings.Contains(page(t, partial), "Partial: only what <code>--focus ST-1 &lt;&amp;&gt;</code>") {
		t.Error("a run with a focus is not headed partial")
	}
}

func TestJUnitCarriesFailuresAndSkips(t *testing.T) {
	r := sample()
	var b bytes.Buffer
	if err := r.JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var suites reporters.JUnitTestSuites
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, s := range suites.TestSuites {
		for _, c := range s.TestCases {
			n[c.Status]++
			switch conformance.Verdict(c.Status) {
			case conformance.Pass, conformance.Warn:
				if c.Failure != nil || c.Skipped != nil || c.Error != nil {
					t.Errorf("%s passed, but is marked", c.Name)
				}
			case conformance.Fail:
				if c.Failure == nil || !strings.Contains(c.Failure.Description, "expected a changed response") {
					t.Errorf("%s has no <failure> with the expectation", c.Name)
				}
			case conformance.HarnessError:
				if c.Error == nil {
					t.Errorf("%s has no <error>", c.Name)
				}
			default:
				if c.Skipped == nil || !strings.HasPrefix(c.Skipped.Message, c.Status+": ") {
					t.Errorf("%s has no <skipped> with its verdict", c.Name)
				}
			}
		}
	}
	if suites.Failures != n["FAIL"] || suites.Errors != n["HARNESS-ERROR"] || n["FAIL"] != 1 || suites.Tests == 0 {
		t.Errorf("%d failures, %d errors, cases %v", suites.Failures, suites.Errors, n)
	}
}
