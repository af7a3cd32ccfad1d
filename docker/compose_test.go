package docker_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composition is what is looked at in compose.yaml.
type composition struct {
	Services                   map[string]service
	Networks, Volumes, Secrets map[string]any
}

type service struct {
	Image       string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	Command     []string
	Ports       []string
	Networks    []string
	Volumes     []string
	Secrets     []use
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string
		Disable bool
	}
}

// use is a secret by its name, or with a place of its own.
type use struct{ name string }

func (u *use) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&u.name)
	}
	var long struct{ Source string }
	err := n.Decode(&long)
	u.name = long.Source
	return err
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func composed(t *testing.T) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(text(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatal("no services")
	}
	return c
}

// once holds for a step that runs once and ends.
func (s service) once() bool { return s.Healthcheck.Disable }

func TestOnlyThisHostReachesTheContainers(t *testing.T) {
	for name, s := range composed(t).Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s", name, p)
			}
		}
		if len(s.Ports) > 0 && !slices.Contains(s.Networks, "servers") || name == "mariadb" && !slices.Equal(s.Networks, []string{"database"}) {
			t.Errorf("%s is on the networks %v", name, s.Networks)
		}
	}
}

func TestTheServersHaveNoMoreRightsThanTheyNeed(t *testing.T) {
	for name, s := range composed(t).Services {
		if !s.ReadOnly {
			t.Errorf("%s can write to its root file system", name)
		}
		if name != "mariadb" && (s.User != "eps" || !slices.Equal(s.CapDrop, []string{"ALL"})) {
			t.Errorf("%s runs as %q, without the capabilities %v", name, s.User, s.CapDrop)
		}
	}
}

// A secret is declared, made by demo.sh, and given to the server alone whose it is.
func TestEachSecretGoesToItsServer(t *testing.T) {
	c, used := composed(t), map[string]bool{}
	for name, s := range c.Services {
		server, _, _ := strings.Cut(name, "-")
		for _, u := range s.Secrets {
			used[u.name] = true
			owner, _, _ := strings.Cut(u.name, "-")
			if owner != server && !(name == "mariadb" && u.name == "databases") {
				t.Errorf("%s gets the secret %s", name, u.name)
			}
			if !s.once() && strings.HasSuffix(u.name, "-so-pin") {
				t.Errorf("%s goes on with the security officer's PIN", name)
			}
		}
	}
	for name := range c.Secrets {
		if !used[name] {
			t.Errorf("nobody uses the secret %s", name)
		}
		delete(used, name)
	}
	for name := range used {
		t.Errorf("the secret %s is not declared", name)
	}
}

func TestWhatIsNamedIsThere(t *testing.T) {
	c, prepare, variables := composed(t), text(t, "eps/prepare.sh"), text(t, "demo.sh")
	for name, s := range c.Services {
		for _, n := range s.Networks {
			if _, found := c.Networks[n]; !found {
				t.Errorf("%s: no network %s", name, n)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, found := c.Volumes[volume]; !found {
				t.Errorf("%s: no volume %s", name, volume)
			}
		}
		if s.once() && !strings.Contains(prepare, "\n"+s.Command[0]+")\n") {
			t.Errorf("%s: prepare.sh has no step %v", name, s.Command)
		}
	}
	for _, v := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(text(t, "compose.yaml"), -1) {
		if !strings.Contains(variables, "\t"+v[1]+"=") {
			t.Errorf("demo.sh does not set %s", v[1])
		}
	}
}

// A service waits for a step to end well, and for a server to be healthy; what is to be
// healthy has a check, which is that of its image.
func TestTheStartIsGatedByHealth(t *testing.T) {
	c, dockerfile := composed(t), text(t, "eps/Dockerfile")
	for name, s := range c.Services {
		if name != "mariadb" && len(s.DependsOn) == 0 {
			t.Errorf("%s waits for nothing", name)
		}
		for on, how := range s.DependsOn {
			want := "service_healthy"
			if c.Services[on].once() {
				want = "service_completed_successfully"
			}
			if how.Condition != want {
				t.Errorf("%s waits for %s: %s", name, on, how.Condition)
			}
		}
		if s.once() {
			continue
		}
		if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
			t.Fatalf("%s is checked by %v", name, s.Healthcheck.Test)
		}
		_, stage, found := strings.Cut(dockerfile, " AS "+name+"\n")
		stage, _, _ = strings.Cut(stage, "\nFROM ")
		check := `HEALTHCHECK CMD ["` + strings.Join(s.Healthcheck.Test[1:], `", "`) + `"]`
		if name != "mariadb" && (!found || !strings.Contains(stage, check)) {
			t.Errorf("the image of %s lacks %s", name, check)
		}
	}
}

// TestTheImagesOfTheServers: what is copied is there (the program comes from bin), and
// the user is changed before anything runs.
func TestTheImagesOfTheServers(t *testing.T) {
	dockerfile := text(t, "eps/Dockerfile")
	for _, line := range regexp.MustCompile(`(?m)^COPY (.*) \S+$`).FindAllStringSubmatch(dockerfile, -1) {
		for _, file := range strings.Fields(line[1]) {
			if _, err := os.Stat("eps/" + file); err != nil && file != "eps" {
				t.Error(err)
			}
		}
	}
	user, entry := strings.Index(dockerfile, "\nUSER eps\n"), strings.Index(dockerfile, "\nENTRYPOINT ")
	if user < 0 || entry < user {
		t.Error("the program does not run as eps")
	}
}
