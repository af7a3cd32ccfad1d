package authserver

import "fmt"

// RouteTable is method, path and roles of each route in code.
func RouteTable() (all [][3]string) {
	for _, r := range (&Server{}).routes() {
		all = append(all, [3]string{r.method, r.path, fmt.Sprint(r.roles)})
	}
	return all
}
