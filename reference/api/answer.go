package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

const jsonType = "application/json"

// reply writes v as the JSON answer to r.
func reply(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return send(w, status, body)
}

// send writes a finished JSON body. No answer of these listeners may be cached.
func send(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the caller has gone; nothing to take back
	return nil
}
