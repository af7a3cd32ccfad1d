package authserver

// RouteTable is method, path and role of each route in code.
func RouteTable() (all [][3]string) {
	for _, r := range (&Server{}).routes() {
		all = append(all, [3]string{r.method, r.path, string(r.role)})
	}
	return all
}
