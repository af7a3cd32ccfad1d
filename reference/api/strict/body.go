package strict

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/epsbench/epsbench/reference/api/problem"
)

// Body decodes the JSON body of r, at most limit bytes, into v. The bytes read
// are cleared afterwards. Its errors are Problems: 400, 413, 415.
func Body(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	if !isJSON(r) {
		return problem.MediaType("application/json")
	}
	data, err := read(w, r, limit)
	defer clear(data)
	if err != nil {
		return err
	}
	if err := JSON(data, v); err != nil {
		return problem.Malformed().With("%v", err)
	}
	return nil
}

// NoBody checks that r carries no body, for calls that are all in the path.
func NoBody(w http.ResponseWriter, r *http.Request) error {
	data, err := read(w, r, 1)
	if err != nil || len(data) > 0 {
		return problem.Malformed().With("this call takes no body")
	}
	return nil
}

// read takes the whole body into one buffer of its final size, so that growing
// leaves no copies behind.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	size := limit
	if r.ContentLength > limit {
		return nil, problem.TooLarge(limit)
	}
	if r.ContentLength >= 0 {
		size = r.ContentLength
	}
	data := make([]byte, size+1)
	n, err := fill(http.MaxBytesReader(w, r.Body, limit), data)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return data, problem.TooLarge(limit)
	case err == io.EOF:
		return data[:n], nil
	}
	return data, problem.Malformed().With("the body cannot be read") // cut short, for one
}

// fill reads until data is full or r ends. Unlike io.ReadFull it gives r's own error, by
// which a body that was cut short is told from one that is whole.
func fill(r io.Reader, data []byte) (n int, err error) {
	for n < len(data) && err == nil {
		var more int
		more, err = r.Read(data[n:])
		n += more
	}
	return n, err
}

// isJSON holds for application/json in UTF-8, not compressed.
func isJSON(r *http.Request) bool {
	if len(r.Header.Values("Content-Type")) != 1 || r.Header.Get("Content-Encoding") != "" {
		return false
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return false
	}
	for name, v := range parameters {
		if name != "charset" || !strings.EqualFold(v, "utf-8") {
			return false
		}
	}
	return true
}
